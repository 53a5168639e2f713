# Everything runs in .venv, made on the first use. With a sourced ROS 2 the venv takes rclpy from it; without one
# rclpy and Fast DDS come as wheels: those of Jazzy, or in a venv of their own those of Kilted, `make test ROS=kilted`.
PYTHON ?= python3
ARGS ?=
ROS ?= jazzy

ifeq ($(filter $(ROS),jazzy kilted),)
$(error ROS: got $(ROS), expected jazzy or kilted)
endif
VENV := .venv$(if $(filter-out jazzy,$(ROS)),-$(ROS))
BIN := $(VENV)/bin
# The wheels' start-up hook must run anew for another interpreter.
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

ifdef ROS_DISTRO
ifneq ($(origin ROS),file)
$(error ROS=$(ROS): got a sourced ROS 2 $(ROS_DISTRO), which is the one in use, expected none)
endif
VENV_FLAGS := --system-site-packages
EXTRA_RUN := [panel]
EXTRA_TEST := [test]
else
WHEELS := ros$(if $(filter-out jazzy,$(ROS)),-$(ROS))
EXTRA_RUN := [$(WHEELS),panel]
EXTRA_TEST := [$(WHEELS),test]
endif

.PHONY: demo test soak lint bench docs api clean

# `make clean` where ROS 2 was sourced, or no longer is, since .venv was made.
demo: $(VENV)/.demo
	$(BIN)/ik_nn demo $(ARGS)

test: $(VENV)/.test lint
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

# What takes minutes: millions of steps, long runs.
soak: $(VENV)/.test
	$(BIN)/python -m pytest -m soak $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test
	$(BIN)/ik_nn bench $(ARGS)

# After a change to a node's parameters: their texts in config/ and docs/.
docs: $(VENV)/.test
	$(BIN)/python test/rigs/parameter_texts.py

# The API reference, from the docstrings: output/api/index.html.
api: $(VENV)/.api
	$(BIN)/python test/rigs/api_reference.py output/api

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV_FLAGS) $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo: setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.$(EXTRA_RUN)'
	touch $@

$(VENV)/.test: setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.$(EXTRA_TEST)'
	touch $@ $(VENV)/.demo

$(VENV)/.api: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

clean:
	rm -rf .venv .venv-* build install log output

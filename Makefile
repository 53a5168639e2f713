# Everything runs in .venv, made on the first use. With a sourced ROS 2 the venv takes rclpy from it; without one
# rclpy and Fast DDS come as wheels.
PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
# The wheels' start-up hook must run anew for another interpreter.
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

ifdef ROS_DISTRO
VENV_FLAGS := --system-site-packages
EXTRA_RUN :=
EXTRA_TEST := [test]
else
EXTRA_RUN := [ros]
EXTRA_TEST := [ros,test]
endif

.PHONY: demo test soak lint bench clean

# `make clean` where ROS 2 was sourced, or no longer is, since .venv was made.
demo: .venv/.demo
	$(BIN)/ik_nn demo $(ARGS)

test: .venv/.test lint
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile $(ARGS)

# What takes minutes: millions of steps, long runs.
soak: .venv/.test
	$(BIN)/python -m pytest -m soak $(ARGS)

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.test
	$(BIN)/ik_nn bench $(ARGS)

.venv/bin/python:
	$(PYTHON) -m venv $(VENV_FLAGS) .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/.demo: setup.py | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.$(EXTRA_RUN)'
	touch $@

.venv/.test: setup.py | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.$(EXTRA_TEST)'
	touch $@ .venv/.demo

clean:
	rm -rf .venv build install log output

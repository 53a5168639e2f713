"""Every reason code has words for who has not read the documentation."""

import re
from pathlib import Path

from ik_nn_ros.panel.words import REASONS, outcome_words

INTERFACES = Path(__file__).parents[2] / 'docs' / 'interfaces.md'


def test_every_documented_reason_code_has_words():
    section = INTERFACES.read_text().split('### Reason codes')[1].split('\n#')[0]
    assert set(re.findall(r'^\| ([A-Z_]+) \|', section, re.M)) == set(REASONS)


def test_a_code_that_came_later_is_shown_as_it_is():
    assert 'BRAND_NEW' in outcome_words('BRAND_NEW')

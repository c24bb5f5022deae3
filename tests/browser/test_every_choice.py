"""Every option of every choice of every page over the sample company gives a page; what has no data says so in it."""

from __future__ import annotations

import json
import re
import urllib.request
from html import unescape
from urllib.parse import urlencode

import pytest

from helpers.catalog import notebooks

MONTHS = 4  # of the newest and the oldest: what lies between differs in figures only


@pytest.fixture(scope="module")
def portal(serve, larkspur):
    return serve("", larkspur, "app")


def text(address: str) -> str:
    return urllib.request.urlopen(address, timeout=300).read().decode()


def choices(page: str) -> list[tuple[str, str]]:
    """Name and option of each choice in a page's form."""
    found = []
    for name, held in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        options = [unescape(o) for o in re.findall(r'<option[^>]*value="([^"]*)"', held)]
        found += [(name, o) for o in (options[:2] + options[-2:] if name == "month" else options)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("stem", notebooks.ids())
def test_every_option_is_a_page(portal, stem):
    offered = choices(text(f"{portal}{stem}/"))
    assert len(offered) > MONTHS
    stopped = {}
    for choice in offered:
        lines = [json.loads(x) for x in text(f"{portal}{stem}/live?{urlencode([choice])}").splitlines()]
        if "done" not in lines[-1]:
            stopped[choice] = lines[-1]
    assert stopped == {}

"""Reads a page as a browser would, and complains where it could not."""

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "input", "wbr", "link", "img", "hr"}


class Reader(HTMLParser):
    """Checks that tags balance and ids are unique, and keeps elements and their text."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.elements, self.problems = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "id" in attributes:
            if attributes["id"] in self.ids:
                self.problems.append(f"id {attributes['id']} twice")
            self.ids.add(attributes["id"])
        self.elements.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes something else")

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.problems == []
    assert reader.open == []
    return reader


def requests(page):
    """Everything in a page that would make a browser ask for something."""
    reader = read(page)
    asked = [a for _, attributes in reader.elements for a in attributes if a.startswith("on")]
    for tag, attributes in reader.elements:
        for name, value in attributes.items():
            is_link = tag == "a" and name == "href"
            if name in ("src", "srcset", "data", "poster", "action") or (
                name in ("href", "xlink:href") and not is_link and not value.startswith("#")
            ):
                asked.append((tag, name, value))
    asked += [found for found in re.findall(r"url\(([^)]*)\)", page) if not found.startswith("#")]
    return asked + re.findall(r"@import|@font-face|<link|<iframe|<object|<embed", page)

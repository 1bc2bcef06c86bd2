"""The page as a whole: well formed, asking nothing of the network, true to the sweep."""

import json
import re

import numpy as np
import pytest
from html_reader import read, requests

from bayesgmm.report import figures
from bayesgmm.report.content import build_report
from bayesgmm.report.context import Context
from bayesgmm.report.evidence import Evidence
from bayesgmm.report.html import to_html
from bayesgmm.report.markdown import to_markdown
from bayesgmm.report.wording import percent


def test_page_is_well_formed(page):
    reader = read(page)
    assert page.startswith("<!doctype html>")
    assert reader.elements[0] == ("html", {"lang": "en"})
    assert len(page.encode()) < 2_000_000


def test_page_asks_for_nothing(page):
    assert requests(page) == []
    policy = next(m["content"] for m in read(page).of("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none';")
    links = {a["href"] for a in read(page).of("a") if not a["href"].startswith("#")}
    assert links
    assert all(link.startswith("https://doi.org/10.") for link in links)


def test_page_can_be_found_around_in(page):
    reader = read(page)
    for landmark in ("header", "main", "nav", "footer"):
        assert len(reader.of(landmark)) == 1
    assert reader.of("a")[0] == {"class": "skip", "href": "#answer"}
    for link in reader.of("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in reader.ids
    for section in reader.of("section"):
        assert section["aria-labelledby"] in reader.ids


def test_every_picture_says_what_it_shows(page):
    pictures = [a for a in read(page).of("svg") if a.get("class") == "plot"]
    # Three K, criteria, forest, chains; each wide and narrow.
    assert len(pictures) == 12
    assert all(a["role"] == "img" and len(a["aria-label"]) > 20 for a in pictures)
    assert all("aria-hidden" in a for a in read(page).of("svg") if a.get("class") == "mark")


def test_text_in_pictures_is_text_in_the_colours_of_the_page(page):
    pictures = re.findall(r'<svg class="plot".*?</svg>', page, flags=re.DOTALL)
    for picture in pictures:
        assert "<text" in picture
        assert "var(--ink)" in picture
        assert re.findall(r"#[0-9a-fA-F]{6}\b", picture) == []
        assert "font-family" not in picture
    assert "cluster 1: " in pictures[2]


def test_table_heads_have_a_scope(page):
    assert all(head.get("scope") in ("col", "row") for head in read(page).of("th"))


def test_the_chosen_k_is_shown_without_a_script(page, sweep):
    k = int(sweep.best_row["n_components"])
    checked = [a["value"] for a in read(page).of("input") if "checked" in a]
    assert checked == [str(k)]
    fallback = f'@supports not selector(:has(*)){{.switch [data-k="{k}"]{{display:revert}}}}'
    assert fallback in page


def test_the_answer_is_that_of_the_sweep(report, sweep):
    bic = sweep.table["bic"].dropna().to_numpy()
    assert bic[2] - bic[1] == pytest.approx(1.99, abs=0.01)
    assert report.answer.headline == "Two clusters, barely preferred to three"
    assert "by 1.99 points (under 2 is barely worth a mention)" in report.answer.lede[0]
    facts = {fact.name: fact for fact in report.answer.facts}
    memberships = sweep.fits["bayes", "full", 2].predict_proba(sweep.X)
    assert int(facts["Rows in doubt"].value) == int((memberships.max(axis=1) < 0.9).sum())
    assert sorted(facts["Sizes"].value.split(" and ")) == ["175", "97"]


def test_rows_in_the_page_are_those_of_the_data(page, sweep):
    data = re.search(r'<script type="application/json".*?>(.*?)</script>', page).group(1)
    rows = json.loads(data)
    assert rows["columns"] == ["eruptions", "waiting"]
    assert [float(value) for value in rows["values"][0]] == list(sweep.X[0])
    assert set(rows["memberships"]) == {"1", "2", "3"}
    assert all(abs(sum(row) - 1000) <= 1 for row in rows["memberships"]["3"])


def test_rows_far_out_are_in_the_order_that_is_named(report):
    section = next(s for s in report.sections if s.key == "rows")
    table = next(b for b in section.blocks if getattr(b, "label", "") == "Odd rows")
    sentence = section.blocks[section.blocks.index(table) - 1].body
    expected = [float(row[-1]) for row in table.rows]
    assert expected == sorted(expected)
    assert table.caption.startswith("The 5 least expected rows.")
    assert f"the least expected, row {table.rows[0][0]}, is no surprise" in sentence


def test_clusters_are_numbered_as_the_em_fit_numbers_them(report, sweep):
    cards = report.sections[0].blocks[0].cards
    means = sweep.fits["em", "full", 2].means_
    for card, mean in zip(cards, means, strict=True):
        assert float(card.table.rows[1][1]) == pytest.approx(mean[1], abs=1.0)


def test_shares_of_a_card_have_a_centre_and_are_told_from_counts(report, sweep):
    fitted = Context(Evidence(sweep), "faithful").chosen
    cards, *_, definition = report.sections[0].blocks
    for card, share in zip(cards.cards, fitted.shares, strict=True):
        assert card.share.startswith(f"share in the population: {percent(share)} (")
        assert card.share.endswith("\u00a0%)")
    assert definition.body.startswith("Rows are counted in their likeliest cluster; the share")


def test_the_picture_has_the_shares_and_centres_of_the_tables(sweep):
    context = Context(Evidence(sweep), "faithful")
    fitted = context.chosen
    draws = sweep.fits["bayes", "full", fitted.k].mixture_
    np.testing.assert_allclose(np.sort(fitted.shares), np.sort(draws.weights.mean((0, 1))))
    wide = figures.picture(context).figures[fitted.k]
    for k, share in enumerate(fitted.shares):
        assert f"cluster {k + 1} ({percent(share)}) at {fitted.centres[k, 0]:.2f}, " in wide.alt
        assert f">cluster {k + 1}: {percent(share)}<" in wide.wide


def test_markdown_is_complete(report):
    text = to_markdown(report)
    for section in report.sections:
        assert f"## {section.topic}" in text
    used = set(re.findall(r"\]\[(figure-\d+)\]", text))
    assert used == set(re.findall(r"^\[(figure-\d+)\]: data:image/svg", text, flags=re.MULTILINE))
    assert len(used) == 4
    for line in text.splitlines():
        if line.startswith("| ") and "| :--" not in line:
            assert line.rstrip().endswith("|")
    assert "var(--" not in text


def test_hostile_names_stay_text(em_sweep, blobs):
    import pandas as pd

    names = ["<script>alert(1)</script>", 'a & "b" $x$ | *y* `z`']
    frame = pd.DataFrame(blobs, columns=names)
    result = em_sweep(frame, data_name="</title><img src=x onerror=alert(2)>")
    report = build_report(result, command="bayesgmm </pre><script>alert(3)</script>")
    page = to_html(report)
    assert requests(page) == []
    reader = read(page)
    # The page's own script and the rows; nothing that came with the data.
    assert len(reader.of("script")) == 2
    assert reader.of("img") == []
    assert "alert(1)" in page
    data = re.search(r'<script type="application/json".*?>(.*?)</script>', page).group(1)
    assert not set("<>&") & set(data)
    assert json.loads(data)["columns"] == names
    markdown = to_markdown(report)
    assert "<script>" not in markdown.replace("\\<script\\>", "").split("\n    ")[0]
    assert "\\<script\\>" in markdown
    assert "\\| \\*y\\* \\`z\\`" in markdown

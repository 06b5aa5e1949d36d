"""Figures of agreement from tables: scales, gaps, pairs, means, consensus, repeats."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.proportion import proportion_confint

from rimlight.errors import LabelFileError, NotEnoughDataError
from rimlight.io.formats.rating_tables import RatingColumns, read_ratings
from rimlight.io.formats.tables import read_table
from rimlight.workflows.agree import AgreeSettings, agree, write_agreement
from rimlight.workflows.agree_scales import RatingRules, ratings_of_table

SETTINGS = AgreeSettings(n_resamples=60, seed=3)


def ratings_from(tmp_path: Path, text: str, *, name="ratings.csv", **rules):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return ratings_of_table(
        read_ratings(path, RatingColumns()), RatingRules(**rules), name="ratings.csv"
    )


def wide(columns: dict) -> str:
    n = len(next(iter(columns.values())))
    lines = [",".join(["case", *columns])]
    lines += [",".join([f"c{i:02d}", *(str(c[i]) for c in columns.values())]) for i in range(n)]
    return "\n".join(lines)


def numbers(seed=0, n=30, k=3):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 100, n)
    found = np.clip(truth[:, None] + rng.normal(0, 12, (n, k)), 0, 100).round(1)
    return {f"r{j}": found[:, j] for j in range(k)}


def block(section, key):
    return next(scale for scale in section["scales"] if scale["key"] == key)


def pair(scale, row, column):
    return next(p for p in scale["pairs"] if (p["row"], p["column"]) == (row, column))


def mean(scale, figure):
    return next(row for row in scale["means"] if row["figure"] == figure)


def test_numbers_with_cuts_are_compared_as_numbers_as_bands_and_as_calls(tmp_path):
    found = ratings_from(tmp_path, wide({"a": [0, 1, 60], "b": ["50%", "49.9 ", 3]}), cuts=(50, 1))
    assert [scale.key for scale in found.scales] == ["value", "band", "cut_1", "cut_50"]
    assert found.scales[1].ratings.T.tolist() == [[0, 1, 2], [2, 1, 1]]
    assert found.scales[3].ratings.T.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_small_whole_numbers_are_levels_too_and_percentages_are_not(tmp_path):
    levels = ratings_from(tmp_path, wide({"a": [0, 1, 3], "b": [0, 3, 3]}))
    assert [scale.key for scale in levels.scales] == ["value", "level"]
    assert levels.scales[1].names == ("0", "1", "3")
    assert levels.scales[1].ratings[:, 1].tolist() == [0, 2, 2]
    assert [
        s.key for s in ratings_from(tmp_path, wide({"a": [0, 1, 80], "b": [0, 3, 3]})).scales
    ] == ["value"]


def test_words_of_expression_are_ordered_and_other_is_kept_apart(tmp_path):
    found = ratings_from(
        tmp_path, wide({"a": ["Negative", "2+", "other"], "b": ["weak", "", "3+"]})
    )
    assert [scale.key for scale in found.scales] == ["level", "positive", "scored"]
    level, positive, scored = (scale.ratings for scale in found.scales)
    np.testing.assert_array_equal(level, [[0, 1], [2, np.nan], [np.nan, 3]])
    np.testing.assert_array_equal(positive, [[0, 1], [1, np.nan], [np.nan, 1]])
    np.testing.assert_array_equal(scored, [[1, 1], [1, np.nan], [0, 1]])
    assert found.n_missing == (0, 1)


def test_the_order_of_levels_is_as_given(tmp_path):
    text = wide({"a": ["low", "high", "mid"], "b": ["mid", "high", "low"]})
    given = ratings_from(tmp_path, text, levels=("low", "mid", "high"))
    assert given.scales[0].ratings[:, 0].tolist() == [0, 2, 1]
    assert given.scales[0].kind == "ordered"
    assert ratings_from(tmp_path, text).scales[0].kind == "named"  # no order, no weights


@pytest.mark.parametrize(
    ("columns", "rules", "sentence"),
    [
        ({"a": [1, "<1"], "b": [2, 3]}, {}, "line 3: '<1' is no number as others are"),
        (
            {"a": ["lo", "hi"], "b": ["hi", "hi"]},
            {"cuts": (1,)},
            "--cut: the ratings are no numbers",
        ),
        ({"a": ["lo"], "b": ["hi"]}, {"levels": ("hi", "mid")}, "'lo' is none of the levels"),
        ({"a": [1], "b": [2]}, {"models": ("net",)}, "has no reader 'net'"),
        (
            {"a": [f"remark {i}" for i in range(30)], "b": ["fine"] * 30},
            {},
            "31 different words, more than 20",
        ),
    ],
)
def test_values_that_cannot_be_read_are_refused_in_one_sentence(tmp_path, columns, rules, sentence):
    with pytest.raises(LabelFileError, match=sentence):
        ratings_from(tmp_path, wide(columns), **rules)


def test_words_for_no_rating_are_missing_and_counted(tmp_path):
    text = wide({"a": ["NA", "not evaluable", 7], "b": [1, "pale", 7]})
    assert ratings_from(tmp_path, text, missing=("pale",)).n_missing == (2, 1)


def test_pairs_are_compared_on_what_both_rated_and_groups_on_complete_items(tmp_path):
    columns = {name: list(values) for name, values in numbers().items()}
    columns["r0"][3] = columns["r1"][7] = ""
    section = agree(ratings_from(tmp_path, wide(columns)), SETTINGS, source="t")
    scale = block(section, "value")
    assert [p["n_items"] for p in scale["pairs"]] == [28, 29, 29]
    group = scale["groups"][0]
    assert (group["n_complete"], group["n_left_out"]) == (28, 2)


def test_mean_differences_are_row_minus_column_and_a_model_stands_in_the_row(tmp_path):
    columns = numbers()
    columns["net"] = columns["r0"] + 5
    section = agree(ratings_from(tmp_path, wide(columns), models=("net",)), SETTINGS, source="t")
    figures = pair(block(section, "value"), "net", "r0")["figures"]
    assert figures["bias"]["value"] == pytest.approx(5)
    assert figures["within_5"]["value"] == 1  # a difference of exactly 5 is within 5
    assert section["readers"][-1] == {
        "reader": "net", "is_model": True, "n_missing": 0, "n_rated": 30
    }  # fmt: skip


def test_calls_name_the_comparator_in_the_column(tmp_path):
    text = wide({"a": [80, 80, 0, 0, 0], "b": [80, 0, 0, 0, 0]})
    scale = block(agree(ratings_from(tmp_path, text, cuts=(50,)), SETTINGS, source="t"), "cut_50")
    against_b, against_a = pair(scale, "a", "b")["figures"], pair(scale, "b", "a")["figures"]
    assert against_b["ppa"]["value"] == 1
    assert against_b["npa"]["value"] == 0.75
    assert against_a["ppa"]["value"] == 0.5
    assert against_a["npa"]["value"] == 1
    assert against_b["npa"]["interval"] == "Wilson"
    assert against_b["npa"]["n_items"] == 4
    assert against_b["kappa"]["interval"] == "bootstrap of cases"
    assert pair(scale, "a", "b")["counts"] == [[3, 0], [1, 1]]


def test_several_items_of_a_case_are_worth_fewer_in_the_interval_of_a_share(tmp_path):
    # Two slides a case that always agree or differ together: 20 slides are worth 10.
    both = [(80, 80) if case < 6 else (80, 0) for case in range(10) for _ in range(2)]
    text = "case,slide,a,b\n" + "".join(
        f"c{i // 2},s{i},{a},{b}\n" for i, (a, b) in enumerate(both)
    )
    settings = AgreeSettings(n_resamples=2000)
    scale = block(agree(ratings_from(tmp_path, text, cuts=(50,)), settings, source="t"), "cut_50")
    opa = pair(scale, "a", "b")["figures"]["opa"]
    low, high = proportion_confint(6, 10, method="wilson")
    assert opa["interval"] == "Wilson, worth 10 items"
    assert (opa["low"], opa["high"]) == pytest.approx((low, high), abs=0.01)
    assert opa["n_items"] == 20


def test_ppa_rests_on_the_items_that_the_comparator_calls_positive(tmp_path):
    text = wide({"a": [80] * 8 + [0] * 4, "b": [80] * 10 + [0] * 2})
    scale = block(agree(ratings_from(tmp_path, text, cuts=(50,)), SETTINGS, source="t"), "cut_50")
    ppa = pair(scale, "a", "b")["figures"]["ppa"]
    assert (ppa["n_items"], ppa["n_cases"], ppa["value"]) == (10, 10, 0.8)
    assert (ppa["low"], ppa["high"]) == pytest.approx(proportion_confint(8, 10, method="wilson"))


def test_where_no_resample_differs_there_is_no_interval_instead_of_certainty(tmp_path):
    columns = {"a": [0, 80, 20, 90, 1, 60], "b": [0, 80, 20, 90, 1, 60]}
    section = agree(ratings_from(tmp_path, wide(columns), cuts=(50,)), SETTINGS, source="t")
    icc = pair(block(section, "value"), "a", "b")["figures"]["icc_2_1"]
    assert (icc["value"], icc["low"], icc["high"]) == (1, None, None)
    assert icc["interval"] == "none: every resample gives the same value"
    opa = pair(block(section, "cut_50"), "a", "b")["figures"]["opa"]
    assert (opa["low"], opa["high"]) == pytest.approx(proportion_confint(6, 6, method="wilson"))


def test_kappa_where_both_gave_one_level_is_undefined_with_its_reason_and_left_out_of_means(
    tmp_path,
):
    text = wide({"a": [80] * 6, "b": [80] * 6, "c": [80, 0, 80, 0, 80, 80]})
    scale = block(agree(ratings_from(tmp_path, text, cuts=(50,)), SETTINGS, source="t"), "cut_50")
    same = pair(scale, "a", "b")
    assert same["figures"]["kappa"]["value"] is None
    assert same["undefined"]["kappa"] == "both gave one same level"
    row = mean(scale, "kappa")
    assert (row["n_pairs"], row["n_undefined_pairs"]) == (3, 1)
    assert row["reader_reader"]["value"] == 0
    assert same["figures"]["npa"]["value"] is None


def test_the_mean_over_pairs_is_that_of_scikit_learn_and_the_difference_is_paired(tmp_path):
    columns = numbers(k=4)
    columns["net"] = columns.pop("r3")
    section = agree(
        ratings_from(tmp_path, wide(columns), models=("net",), cuts=(20, 60)), SETTINGS, source="t"
    )
    scale, row = block(section, "band"), mean(block(section, "band"), "kappa_quadratic")
    band = {name: np.digitize(values, (20, 60)) for name, values in columns.items()}
    kappa = {
        (a, b): cohen_kappa_score(band[a], band[b], weights="quadratic")
        for a in band for b in band if a < b
    }  # fmt: skip
    people = [value for key, value in kappa.items() if "net" not in key]
    with_net = [value for key, value in kappa.items() if "net" in key]
    assert row["reader_reader"]["value"] == pytest.approx(np.mean(people))
    model = row["models"][0]
    assert model["reader_model"]["value"] == pytest.approx(np.mean(with_net))
    assert model["difference"]["value"] == pytest.approx(np.mean(with_net) - np.mean(people))
    assert scale["what"] == "under 20, 20 to under 60, 60 and over"


def test_a_model_that_copies_a_reader_differs_from_readers_by_nothing_uncertain(tmp_path):
    columns = numbers(k=2)
    columns["net"] = columns["r1"]
    section = agree(ratings_from(tmp_path, wide(columns), models=("net",)), SETTINGS, source="t")
    only_r0 = pair(block(section, "value"), "net", "r0")["figures"]["icc_2_1"]
    readers = mean(block(section, "value"), "icc_2_1")["reader_reader"]
    assert (only_r0["low"], only_r0["high"]) == (readers["low"], readers["high"])  # same resamples


def test_readers_are_compared_on_the_items_of_the_model_where_it_left_some_out(tmp_path):
    columns = {name: list(values) for name, values in numbers().items()}
    columns["r0"][:10] = [100 - x for x in columns["r0"][:10]]  # readers differ where it is silent
    columns["net"] = [""] * 10 + columns["r2"][10:]
    scale = block(
        agree(ratings_from(tmp_path, wide(columns), models=("net",)), SETTINGS, source="t"), "value"
    )
    row = mean(scale, "icc_2_1")
    assert row["models"][0]["reader_reader"]["value"] > row["reader_reader"]["value"] + 0.05
    assert row["models"][0]["reader_reader"]["n_items"] == 20


def test_a_consensus_leaves_the_tested_reader_out_and_the_model_is_held_against_the_same(tmp_path):
    text = wide({"a": [0, 50, 100, 20], "b": [10, 50, 90, 20], "c": [0, 60, 90, 20],
                 "net": [5, 55, 90, 20]})  # fmt: skip
    section = agree(ratings_from(tmp_path, text, models=("net",)), SETTINGS, source="t")
    found = block(section, "value")["consensus"]
    assert found["rule"] == "median"
    row = next(row for row in found["blocks"][0]["rows"] if row["without"] == "a")
    # Without a the medians are 5, 55, 90, 20: exactly what the model said.
    assert row["model"]["concordance"]["value"] == pytest.approx(1)
    assert row["reader"]["concordance"]["value"] < 1
    difference = 1 - row["reader"]["concordance"]["value"]
    assert row["difference"]["concordance"]["value"] == pytest.approx(difference)


def test_reader_and_model_are_held_against_a_consensus_on_the_same_items(tmp_path):
    columns = {name: list(values) for name, values in numbers(n=20).items()}
    columns["net"] = [5.0 * i for i in range(20)]
    columns["r0"][2] = columns["net"][7] = columns["r1"][9] = ""
    section = agree(ratings_from(tmp_path, wide(columns), models=("net",)), SETTINGS, source="t")
    rows = block(section, "value")["consensus"]["blocks"][0]["rows"]
    for row, n in zip(rows, (17, 17, 17), strict=True):  # two others are needed for a consensus
        assert row["reader"]["icc_2_1"]["n_items"] == n
        assert row["model"]["icc_2_1"]["n_items"] == n


def test_two_readers_have_no_consensus_without_the_tested_one(tmp_path):
    section = agree(ratings_from(tmp_path, wide(numbers(k=2))), SETTINGS, source="t")
    assert block(section, "value")["consensus"] is None


def test_limits_are_given_by_band_of_the_mean_of_the_two(tmp_path):
    text = wide({"a": [0, 0.2, 10, 40, 80], "b": [1, 0.2, 20, 30, 90]})
    cuts = (1, 50)
    ratings = ratings_from(tmp_path, text, cuts=cuts)
    settings = AgreeSettings(n_resamples=50, cuts=cuts)
    rows = block(agree(ratings, settings, source="t"), "value")["limits_by_band"]
    assert [(row["band"], row["n_items"]) for row in rows] == [
        ("under 1", 2), ("1 to under 50", 2), ("50 and over", 1)
    ]  # fmt: skip
    assert rows[0]["figures"]["bias"]["value"] == pytest.approx(-0.5)
    assert rows[2]["figures"]["limit_low"]["value"] is None  # one item has no spread


LONG = "case,reader,round,day,tps\n" + "".join(
    f"c{i},{reader},{number},{day},{value}\n"
    for i in range(6)
    for reader, number, day, value in (
        ("anna", 1, 0, 10 * i), ("anna", 2, 14 + i, 10 * i + 2), ("ben", 1, 0, 9 * i),
    )
)  # fmt: skip


def test_repeats_compare_a_reader_with_himself_second_minus_first_and_print_the_days(tmp_path):
    section = agree(ratings_from(tmp_path, LONG), SETTINGS, source="t")
    rows = block(section, "value")["repeats"]
    assert [row["reader"] for row in rows] == ["anna"]
    assert rows[0]["n_items"] == 6
    assert rows[0]["figures"]["bias"]["value"] == pytest.approx(2)
    assert rows[0]["days"] == {"median": 16.5, "least": 14, "most": 19, "n_unknown": 0}


def test_readers_are_compared_by_their_first_reading_or_the_last(tmp_path):
    first = ratings_from(tmp_path, LONG).scales[0].ratings
    last = ratings_from(tmp_path, LONG, reading="last").scales[0].ratings
    assert first[:, 0].tolist() == [0, 10, 20, 30, 40, 50]
    assert (last[:, 0] - first[:, 0]).tolist() == [2] * 6
    assert (last[:, 1] == first[:, 1]).all()


def test_rounds_are_ordered_as_numbers(tmp_path):
    text = "case,reader,round,tps\nc1,anna,10,7\nc1,anna,9,5\nc1,ben,9,5\n"
    assert ratings_from(tmp_path, text).scales[0].repeats.tolist() == [[5, 7]]


def test_readers_may_be_drawn_as_well_which_widens_the_interval_of_means(tmp_path):
    columns = numbers(n=60, k=4)
    columns["r0"] = np.clip(columns["r0"] + 25, 0, 100)  # one reader far off the others
    text = wide(columns)
    widths = []
    for with_readers in (False, True):
        settings = AgreeSettings(n_resamples=300, with_readers=with_readers)
        found = agree(ratings_from(tmp_path, text), settings, source="t")
        row = mean(block(found, "value"), "icc_2_1")["reader_reader"]
        widths.append(row["high"] - row["low"])
    assert widths[1] > 1.5 * widths[0]


def test_a_comparator_must_be_a_reader(tmp_path):
    with pytest.raises(NotEnoughDataError, match="has no reader 'zoe'"):
        agree(ratings_from(tmp_path, wide(numbers())), AgreeSettings(comparator="zoe"), source="t")


def test_readers_without_a_common_item_are_refused(tmp_path):
    with pytest.raises(NotEnoughDataError, match="no two readers rated an item in common"):
        agree(ratings_from(tmp_path, wide({"a": [1, ""], "b": ["", 2]})), SETTINGS, source="t")


def test_the_same_table_gives_the_same_result_and_its_tables_hold_the_same_numbers(tmp_path):
    ratings = ratings_from(tmp_path, wide(numbers()), cuts=(1, 50))
    section = agree(ratings, SETTINGS, source="t")
    assert agree(ratings, SETTINGS, source="t") == section
    write_agreement(tmp_path / "out", section, ratings)
    rows = read_table(tmp_path / "out" / "pairs.csv")
    wanted = pair(block(section, "value"), "r0", "r1")["figures"]["icc_2_1"]["value"]
    place = list(zip(rows["scale"], rows["figure"], rows["row"], rows["column"], strict=True))
    found = rows["value"][place.index(("value", "icc_2_1", "r0", "r1"))]
    assert float(found) == pytest.approx(wanted, abs=1e-8)
    assert set(read_table(tmp_path / "out" / "definitions.csv")["figure"]) >= {"icc_2_1", "kappa"}


def test_every_figure_has_a_definition_and_figures_without_value_a_reason(tmp_path):
    text = wide({"a": [0, 80, 0, 3], "b": [0, 80, 0, 3], "c": [0, 0, 0, 0]})
    for scale in agree(ratings_from(tmp_path, text, cuts=(1, 50)), SETTINGS, source="t")["scales"]:
        for one in scale["pairs"]:
            assert set(one["figures"]) <= set(scale["figures"])
            for name, figure in one["figures"].items():
                assert scale["figures"][name]["definition"]
                assert (figure["value"] is None) == (name in one["undefined"])

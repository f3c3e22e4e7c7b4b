"""Which model's prediction an annotation was made from."""

import json

import pytest

from labeling.studio.predicted import predicted_by, prefilled
from tests.builders import ROOT

TWO = [{"id": 7, "model_version": "a-1"}, {"id": 8, "model_version": "b-2"}]


@pytest.mark.parametrize(
    ("task", "annotation", "expected"),
    [
        pytest.param({"predictions": TWO}, {"prediction": {"model_version": "b-2"}}, ("b-2",), id="a copy of it"),
        pytest.param({"predictions": TWO}, {"parent_prediction": 7}, ("a-1",), id="its number"),
        pytest.param({"predictions": TWO}, {"parent_prediction": 9}, ("a-1", "b-2"), id="number of one that is gone"),
        pytest.param({"predictions": TWO}, {}, ("a-1", "b-2"), id="not said which"),
        pytest.param({"predictions": TWO}, {"parent_prediction": None, "prediction": {}}, (), id="made from nothing"),
        pytest.param({"predictions_model_versions": "a-1, b-2"}, {"parent_prediction": 7}, ("a-1", "b-2"), id="pulled"),
        pytest.param({"predictions": [7]}, {"parent_prediction": 7}, (), id="numbers alone"),
        pytest.param({"predictions": [{"id": 7}]}, {"parent_prediction": 7}, (), id="without a version"),
        pytest.param({"predictions": "?", "predictions_model_versions": 3}, {"prediction": []}, (), id="other types"),
        pytest.param({"predictions": [{"model_version": ["x"]}]}, {}, (), id="a version that is not a text"),
        pytest.param({}, {}, (), id="no predictions"),
    ],
)
def test_predicted_by_names_the_model_of_the_prediction(task, annotation, expected):
    assert predicted_by(task, annotation) == expected


@pytest.mark.parametrize("name", ["quick.json", "quick-all.json", "snapshot-inline.json", "api-tasks.json"])
def test_predicted_by_reads_what_a_real_server_says(name: str):
    tasks = json.loads((ROOT / "tests" / "golden" / "spans" / name).read_text(encoding="utf-8"))
    tasks = tasks if isinstance(tasks, list) else tasks["tasks"]
    found = {predicted_by(task, annotation) for task in tasks for annotation in task["annotations"]}
    assert found == {(), ("m1",)}


@pytest.mark.parametrize(
    ("task", "annotation", "expected"),
    [
        ({}, {"prediction": {"model_version": "m", "result": [{}]}}, True),
        ({}, {"prediction": {"model_version": "m", "result": []}}, False),
        ({"predictions": TWO}, {"parent_prediction": None, "prediction": {}}, False),
        ({"predictions_model_versions": "m, without prefill"}, {"parent_prediction": 7}, False),
        ({"predictions_model_versions": "m"}, {"parent_prediction": 7}, None),
        ({"predictions": [{"id": 7, "result": [{}]}, {"id": 8, "result": []}]}, {"parent_prediction": 7}, True),
        ({"predictions": [{"id": 7, "result": [{}]}, {"id": 8, "result": []}]}, {"parent_prediction": 8}, False),
        ({"predictions": [{"id": 7, "result": []}]}, {}, False),
        ({"predictions": []}, {}, False),
        ({"predictions": [7]}, {"parent_prediction": 7}, None),
        ({}, {}, None),
    ],
)
def test_prefilled_says_whether_there_was_something_to_start_from(task, annotation, expected):
    assert prefilled(task, annotation) is expected


def test_predicted_by_names_no_model_for_an_empty_page():
    page = {"parent_prediction": 7, "prediction": {"id": 7, "model_version": "m", "result": []}}
    assert predicted_by({"predictions_model_versions": "m, without prefill"}, page) == ()

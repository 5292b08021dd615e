"""A search of scikit-learn in processes of its own, to which it sends our estimators."""

import pytest

from tests.sklearn.small_data import digits

pytest.importorskip("sklearn", reason="sklearn: not installed (pip install 'xpcnn[sklearn]')")

from sklearn.model_selection import GridSearchCV

from xpcnn.sklearn import CNNClassifier


def test_a_grid_search_in_two_processes_with_texts_as_labels() -> None:
    x, labels = digits(400)
    search = GridSearchCV(
        CNNClassifier(image_shape=(8, 8), epochs=6), {"lr": [1e-6, 0.1]}, cv=2, n_jobs=2
    )
    search.fit(x, labels)
    assert search.best_params_ == {"lr": 0.1}
    assert search.score(x, labels) > 0.9
    assert set(search.predict(x)) == set(labels)

"""Estimators for scikit-learn (`pip install 'xpcnn[sklearn]'`, scikit-learn 1.6 or newer).

    from xpcnn.sklearn import CNNClassifier

    digits = CNNClassifier(image_shape=(8, 8), epochs=5)
    search = GridSearchCV(digits, {"lr": [0.02, 0.1]}, n_jobs=2)
    search.fit(X, y)              # X (n, 64) or (n, 1, 8, 8); labels may be texts
    search.best_estimator_.model_.save("digits.safetensors")

The processes of `n_jobs` share the cores: scikit-learn sets the variable OMP_NUM_THREADS in each,
and xpcnn takes no more threads than that.
"""

from xpcnn.errors import missing

try:
    from sklearn.utils.validation import validate_data as _needed  # noqa: F401
except ImportError as error:
    raise missing("xpcnn.sklearn", "scikit-learn 1.6 or newer", "sklearn") from error

from xpcnn.sklearn.classifier import CNNClassifier
from xpcnn.sklearn.regressor import CNNRegressor

__all__ = ["CNNClassifier", "CNNRegressor"]

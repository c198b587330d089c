"""House prices: what will this house in Ames sell for? Numbers as they are, grades as numbers, other words by rank."""

from collections.abc import Mapping

import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft

from transforms.missing import fill

_GRADES = ("Po", "Fa", "TA", "Gd", "Ex")
_GRADED = (
    *("ExterQual", "ExterCond", "BsmtQual", "BsmtCond", "HeatingQC", "KitchenQual", "FireplaceQu"),
    *("GarageQual", "GarageCond", "PoolQC"),
)
_NUMBERS = (
    *("LotFrontage", "LotArea", "OverallQual", "OverallCond", "YearBuilt", "YearRemodAdd", "MasVnrArea"),
    *("BsmtFinSF1", "BsmtFinSF2", "BsmtUnfSF", "TotalBsmtSF", "1stFlrSF", "2ndFlrSF", "LowQualFinSF", "GrLivArea"),
    *("BsmtFullBath", "BsmtHalfBath", "FullBath", "HalfBath", "BedroomAbvGr", "KitchenAbvGr", "TotRmsAbvGrd"),
    *("Fireplaces", "GarageYrBlt", "GarageCars", "GarageArea", "WoodDeckSF", "OpenPorchSF", "EnclosedPorch"),
    *("3SsnPorch", "ScreenPorch", "PoolArea", "MiscVal", "MoSold", "YrSold", "MSSubClass"),
)
_WORDS = (
    *("MSZoning", "Street", "Alley", "LotShape", "LandContour", "Utilities", "LotConfig", "LandSlope"),
    *("Neighborhood", "Condition1", "Condition2", "BldgType", "HouseStyle", "RoofStyle", "RoofMatl"),
    *("Exterior1st", "Exterior2nd", "MasVnrType", "Foundation", "BsmtExposure", "BsmtFinType1", "BsmtFinType2"),
    *("Heating", "CentralAir", "Electrical", "Functional", "GarageType", "GarageFinish", "PavedDrive", "Fence"),
    *("MiscFeature", "SaleType", "SaleCondition"),
)


def preprocessing_fn(inputs: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Return the features: numbers, grades from 0 (no such thing) to 5, and words by how frequent they are."""
    features = {name: fill(inputs[name], 0) for name in _NUMBERS}
    features |= {name: _grade(fill(inputs[name], "")) for name in _GRADED}
    for name in _WORDS:
        features[name] = tft.compute_and_apply_vocabulary(fill(inputs[name], ""), num_oov_buckets=1)
    features["area"] = features["TotalBsmtSF"] + features["1stFlrSF"] + features["2ndFlrSF"]
    features["baths"] = 2 * (features["FullBath"] + features["BsmtFullBath"]) + features["HalfBath"]
    features["age"] = features["YrSold"] - features["YearBuilt"]
    return features


def label(batch: pa.RecordBatch) -> pa.Array:
    """Return the price in dollars."""
    return batch.column("SalePrice")


def _grade(words: tf.Tensor) -> tf.Tensor:
    """Return 1 to 5 for Po to Ex, 0 for any other word."""
    grades = [tf.cast(tf.equal(words, word), tf.int64) * grade for grade, word in enumerate(_GRADES, 1)]
    return tf.add_n(grades)

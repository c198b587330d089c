"""Packaging of Onegraph. Beam's ``--setup_file`` stages this very file, so it imports nothing of ours."""

from setuptools import find_packages, setup

LAYERS = ("schemas", "transforms", "models", "beam_jobs")

setup(
    name="onegraph",
    version="0.1.0",
    description="One tf.Transform graph for Beam batch training sets and Kafka event scoring",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=[f"{layer}{rest}" for layer in LAYERS for rest in ("", ".*")]),
    package_data={
        "schemas": ["*.pbtxt", "data/*"],
        "transforms.graph": ["*.txt"],
        "beam_jobs.reports": ["templates/*"],
        "beam_jobs.services": ["files/*/*"],
    },
    install_requires=[
        "apache-beam>=2.77,<2.78",
        "crc32c>=2.8",
        "cryptography>=44",
        "fastavro>=1.9",
        "jinja2>=3.1",
        "kafka-python[crc32c,lz4,snappy,zstd]>=3.0.12,<3.1",
        "matplotlib>=3.10",
        "msgspec>=0.20",
        "numpy>=2",
        "prometheus-client>=0.22",
        "pyarrow>=20",
        "rich>=14",
        "scikit-learn>=1.6",
        "tensorflow>=2.21,<2.22",
        "tensorflow-metadata>=1.21,<1.22",
        "tensorflow-transform>=1.21,<1.22",
        "tfx-bsl>=1.21,<1.22",
        "xgboost>=3.2,<3.3",
    ],
    extras_require={
        "confluent": ["confluent-kafka>=2.11,<3"],
        "track": ["mlflow>=3.13,<4"],
        "tune": ["optuna>=5,<6"],
        "test": [
            "confluent-kafka>=2.11,<3",
            "hypothesis>=6",
            "mlflow>=3.13,<4",
            "mypy>=1.15",
            "optuna>=5,<6",
            "psutil>=6",
            "pytest>=8.3",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.6",
            "ruff>=0.11",
        ],
        "setup": ["setuptools>=77", "uv>=0.10"],
    },
    entry_points={"console_scripts": ["onegraph = beam_jobs.__main__:main"]},
)

"""`tail`: records as readable lines, or as JSON objects."""

import json
import subprocess
import sys

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import Tail
from beam_jobs.verbs import tail as verb
from tests.support.kafka_records import put


@pytest.fixture
def topic(broker, topics):
    name = topics("shown", partitions=2)
    put(broker, name, 0, [b'{"a":1}', None], [b"k", None], [1_400_269_500_123, 1_400_269_500_125], [[("h", b"v")], []])
    put(broker, name, 1, [b"\xff\n\x00" + b"y" * 1000], [b"\xc3\xa9"], [1_400_269_500_124])
    return name


def tail(broker, topic, *options):
    return main(["tail", topic, "--bootstrap-servers", broker, *options])


def test_everything_oldest_first(broker, topic, capsys):
    assert tail(broker, topic, "--from-start", "--until-end") == 0
    out, err = capsys.readouterr()
    first, second, third = out.splitlines()
    assert first == '0/0  2014-05-16 19:45:00.123  k  {"a":1}  h=v'
    assert second.startswith("1/0  2014-05-16 19:45:00.124  é  ")
    assert second.endswith("... (1,003 bytes)")
    assert len(second) < 500
    assert "\\n\\x00" in second
    assert third == "0/1  2014-05-16 19:45:00.125  null  null"
    assert err == ""


def test_a_limit(broker, topic, capsys):
    assert tail(broker, topic, "--from-start", "--limit", "2") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_json_is_lines_and_nothing_else(broker, topic, capsys):
    assert tail(broker, topic, "--from-start", "--until-end", "--json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = [json.loads(line) for line in out.splitlines()]
    assert [(one["partition"], one["offset"], one["key"]) for one in found] == [(0, 0, "k"), (1, 0, "é"), (0, 1, None)]
    assert len(found[1]["value_base64"]) > 1_000, "nothing is cut"
    assert tail(broker, topic, "--until-end", "--json") == 0
    assert capsys.readouterr() == ("", "")


def test_nothing_of_a_record_is_obeyed_by_a_terminal(broker, topics, capsys):
    topic = topics("wild", message_timestamp_after_max_ms=2**63 - 1)
    wild = "\x1b]0;title\x07\x1b[31m\x9b2J\u202e\n"
    put(broker, topic, 0, [wild.encode()], [wild.encode()], [2**62], [[(wild, wild.encode()), ("h" * 1000, None)]])
    assert tail(broker, topic, "--from-start", "--until-end") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.isprintable()
    assert line.count("\\x1b[31m\\x9b2J\\u202e\\n") == 4
    assert "  4611686018427387904 ms since 1970  " in line
    assert line.endswith("h... (1,000 bytes)=null")


def test_a_process_of_its_own_loads_nothing_heavy_and_ends_with_its_reader(broker, topic):
    code = (
        "import sys; from beam_jobs.cli.command_line import main; code = main(sys.argv[1:]);"
        "print(code, sorted({'tensorflow', 'apache_beam', 'xgboost', 'pyarrow'} & set(sys.modules)), file=sys.stderr)"
    )
    argv = ["tail", topic, "--bootstrap-servers", broker, "--from-start"]  # without an end it would wait for ever
    with subprocess.Popen(
        [sys.executable, "-c", code, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("0/0")
        process.stdout.close()
        put(broker, topic, 0, [b"one more"])
        assert process.stderr.read() == "141 []\n"


def test_sigterm_ends_it_well(broker, topic):
    command = [
        sys.executable,
        "-m",
        "beam_jobs",
        "tail",
        topic,
        "--bootstrap-servers",
        broker,
        "--from-start",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


def test_refusals(broker, topic, capsys):
    assert tail(broker, "nowhere") == 1
    assert "no topic 'nowhere'" in capsys.readouterr().err
    assert tail(broker, topic[:-1] + "x") == 1
    assert f", did you mean {topic[:-4]}" in capsys.readouterr().err
    assert tail(broker, "nowhere", "--limit", "0") == 2
    assert tail(broker, "nowhere", "--limit", "-3") == 2


def test_what_would_be_shown(broker, topic):
    settings = Tail(bootstrap_servers=broker, topic=topic, from_start=True)
    assert verb.plan(settings) == [f"would show topic {topic} (2 partitions) from its oldest record on"]

"""`tail`: records as readable lines."""

import pytest

from beam_jobs.cli.command_line import main
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


def test_from_now_to_the_end_is_nothing(broker, topic, capsys):
    assert tail(broker, topic, "--until-end", "--json", "-q") == 0
    assert capsys.readouterr().out == f'{{"topic": "{topic}", "records": 0}}\n'


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


def test_refusals(broker, capsys):
    assert tail(broker, "nowhere") == 1
    assert "no topic 'nowhere'" in capsys.readouterr().err
    assert tail(broker, "nowhere", "--limit", "0") == 2

# SPDX-License-Identifier: Apache-2.0
"""The judge on timelines made by hand. Needs no rig."""

import json

import judge
import observer
from judge import Limits

MASTERS = ["m1", "m2", "m3"]
START = 1_000_000_000
WALL = 1_795_000_000_000_000
PERIOD = 100_000
LETTERS = {
    "L": "leader", "F": "follower", "S": "standalone", "n": "not-serving",
    "x": "refused", "t": "timeout", "r": "reset", "s": "slow",
}


def at(index):
    """Wall time of a sample."""
    return WALL + index * PERIOD


def timeline(**masters):
    """One letter a sample and master: what ZooKeeper said (see LETTERS). Mesos answers 200 while
    ZooKeeper answers, else the same silence; `M` is a follower whose Mesos is refused."""
    count = len(next(iter(masters.values())))
    assert all(len(letters) == count for letters in masters.values())

    def answers(letter):
        zookeeper = LETTERS["F" if letter == "M" else letter]
        mesos = "refused" if letter == "M" else "200" if letter in "LFSn" else zookeeper
        return {"zookeeper": {"outcome": zookeeper}, "mesos": {"outcome": mesos}}

    return [
        {"sample": i, "at": START + i * PERIOD, "wall": at(i),
         "masters": {name: answers(letters[i]) for name, letters in masters.items()}}
        for i in range(count)
    ]


GOOD = {
    "m1": "FFxxxFFFFFFFFFFFFFFFF",
    "m2": "FFFFFFFFxxxFFFFnnLLLL",
    "m3": "LLLLLLLLLLLLLLLxxxnFF",
}
STEPS = [("m1", at(1), at(6)), ("m2", at(7), at(12)), ("m3", at(14), at(19))]


def good_run(**changes):
    return timeline(**{**GOOD, **changes})


def verdict_of(samples, steps=None, **limits):
    return judge.judge(samples, MASTERS, STEPS if steps is None else steps, Limits(**limits))


def test_a_good_run_is_called_good_in_the_words_of_the_demo():
    verdict = verdict_of(good_run())
    assert verdict.good
    assert verdict.sentence == (
        "each master seen down only during its own step; ZooKeeper quorum held in 21 of 21 samples"
    )


def test_an_overlap_of_one_sample_is_bad():
    verdict = verdict_of(good_run(m1="FFxxxFFFxFFFFFFFFFFFF"))
    assert not verdict.good
    assert verdict.overlaps == [[8, 8, ["m1", "m2"]]]
    assert "m1 and m2 down at the same time" in verdict.sentence


def test_an_overlap_is_bad_without_known_steps():
    samples = good_run(m1="FFxxxxxxxFFFFFFFFFFFF")
    assert judge.judge(samples, MASTERS).overlaps == [[8, 8, ["m1", "m2"]]]


def test_a_master_whose_mesos_alone_is_refused_is_down():
    verdict = verdict_of(good_run(m1="FFxxxFFFMFFFFFFFFFFFF"))
    assert verdict.overlaps == [[8, 8, ["m1", "m2"]]]


def test_a_silent_overlap_is_not_forgiven_at_the_edge_of_an_outage():
    verdict = verdict_of(good_run(m1="FFxxxxxxtFFFFFFFFFFFF"))
    assert verdict.overlaps == [[8, 8, ["m1", "m2"]]]


def test_one_lost_sample_is_forgiven_and_counted():
    verdict = verdict_of(good_run(m1="FFxxxFFFFtFFFFFFFFFFF"))
    assert verdict.good
    assert verdict.lost == 2  # of both ports
    shown = judge.summarize(verdict, good_run())[0]
    assert "2 answers lost (forgiven: 1 in a row without a connection, 0.5 s with one)" in shown


def test_two_lost_samples_in_a_row_are_an_outage():
    assert not verdict_of(good_run(m1="FFxxxFFFFttFFFFFFFFFF")).good


def test_without_tolerance_no_sample_may_be_lost():
    assert not verdict_of(good_run(m1="FFxxxFFFFtFFFFFFFFFFF"), tolerance=0).good


def test_a_process_that_listens_may_be_slow_for_half_a_second():
    verdict = verdict_of(good_run(m1="FFxxxFFsssFFFFFFFFFFF"))
    assert verdict.good
    assert verdict.lost == 6
    assert not verdict_of(good_run(m1="FFxxxFFssssssFFFFFFFF")).good


def test_slow_and_lost_samples_may_mix_within_both_limits():
    assert verdict_of(good_run(m1="FFxxxFFstsFFFFFFFFFFF")).good
    assert not verdict_of(good_run(m1="FFxxxFFtstFFFFFFFFFFF")).good


def test_a_slow_process_at_the_edge_of_an_outage_is_down():
    verdict = verdict_of(good_run(m1="FFxxxsssssFFFFFFFFFFF"))
    assert verdict.overlaps == [[8, 9, ["m1", "m2"]]]


def test_a_refusal_is_never_forgiven():
    assert not verdict_of(good_run(m1="FFxxxFFFFxFFFFFFFFFFF")).good


def test_a_master_that_was_never_down_is_suspicious():
    verdict = verdict_of(good_run(m2="F" * 15 + "nnLLLL"))
    assert verdict.problems == ["m2 was never seen down: was it patched, was it watched?"]


def test_one_lost_sample_does_not_count_as_having_been_down():
    verdict = verdict_of(good_run(m2="FFFFFFFFtFFFFFFnnLLLL"))
    assert "m2 was never seen down" in verdict.sentence


def test_a_master_down_before_its_own_step_is_bad():
    verdict = verdict_of(good_run(), steps=[("m1", at(3), at(6)), *STEPS[1:]])
    assert verdict.problems == ["m1 down outside its own step, from sample 2 to 4"]


def test_a_master_down_after_its_own_step_is_bad():
    verdict = verdict_of(good_run(m1="FFxxxFFFFFFFFxFFFFFFF"))
    assert verdict.problems == ["m1 down outside its own step, from sample 13 to 13"]


def test_a_master_down_in_the_step_of_another_is_bad():
    verdict = verdict_of(good_run(), steps=[("m2", at(0), at(20)), ("m3", at(0), at(20))])
    assert verdict.problems == ["m1 down outside its own step, from sample 2 to 4"]


def test_a_step_that_has_not_ended_is_still_its_own_step():
    assert verdict_of(good_run(), steps=[*STEPS[:2], ("m3", at(14), None)]).good


def test_an_election_after_the_leader_went_down_keeps_the_quorum():
    verdict = verdict_of(good_run())
    assert verdict.elections == [[15, 16]]
    assert verdict.held == 21


def test_an_election_that_takes_too_long_is_a_lost_quorum():
    verdict = verdict_of(good_run(), election=2 * PERIOD)
    assert verdict.held == 19
    assert verdict.problems == ["ZooKeeper without quorum in 2 samples from sample 15 on"]


def test_no_leader_although_the_last_one_still_answers_is_a_lost_quorum():
    verdict = verdict_of(good_run(
        m1="FFxxxnnnnnnFFFFFFFFFF",
        m2="FFFFFFFFxxxFFFFnnLLLL",
        m3="LLLLLLLLnnnLLLLxxxnFF",
    ))
    assert verdict.held == 18
    assert verdict.problems == ["ZooKeeper without quorum in 3 samples from sample 8 on"]


def test_a_quorum_that_is_lost_at_the_end_does_not_become_an_election():
    assert verdict_of(good_run(m2="FFFFFFFFxxxFFFFnnnnnn")).held == 15


def test_a_quorum_that_is_not_there_at_the_beginning_is_lost():
    assert verdict_of(good_run(m3="nLLLLLLLLLLLLLLxxxnFF")).held == 20


def test_answers_of_a_minority_are_no_election():
    verdict = verdict_of(good_run(m1="FFxxxFFFFFFFFFFxFFFFF"))
    assert verdict.held == 19
    assert verdict.overlaps


def test_two_leaders_in_one_sample_are_none():
    assert verdict_of(good_run(m2="FFFFFFLFxxxFFFFnnLLLL")).held == 20


def test_the_only_master_of_a_cluster_takes_the_quorum_with_it():
    verdict = judge.judge(timeline(m1="SSxxSS"), ["m1"], [("m1", at(0), at(5))])
    assert verdict.held == 4
    assert not verdict.overlaps
    assert not verdict.good


def test_an_observer_that_was_away_for_more_than_half_a_second_is_bad():
    samples = good_run()
    for sample in samples[6:]:
        sample["at"] += 450_000
        sample["wall"] += 450_000
    steps = [STEPS[0], *((name, a + 450_000, b + 450_000) for name, a, b in STEPS[1:])]
    verdict = verdict_of(samples, steps)
    assert verdict.problems == ["the observer was away for 0.6 s after sample 5"]


def test_an_observer_that_was_away_for_less_is_good():
    samples = good_run()
    del samples[6]
    assert verdict_of(samples).good


def test_an_observer_that_did_not_see_the_whole_run_is_bad():
    assert verdict_of(good_run()[2:]).problems == ["the observer began after the first step"]
    verdict = verdict_of(good_run(), steps=[*STEPS[:2], ("m3", at(14), at(99))])
    assert verdict.problems == ["the observer ended before the last step"]


def test_no_samples_are_bad():
    assert judge.judge([], MASTERS).problems == ["there are no samples"]


def test_a_step_lasts_from_its_slot_to_its_proof():
    events = [
        {"at": 1, "type": "run-made"},
        {"at": 2, "type": "step", "node": "m1", "event": "slotted"},
        {"at": 3, "type": "step", "node": "m1", "event": "declined"},
        {"at": 4, "type": "step", "node": "m1", "event": "slotted"},
        {"at": 5, "type": "step", "node": "m1", "event": "succeeded"},
        {"at": 6, "type": "step", "node": "m1", "event": "verified"},
        {"at": 7, "type": "step", "node": "m2", "event": "slotted"},
    ]
    assert judge.steps_of({"events": events}) == [("m1", 4, 6), ("m2", 7, None)]


def test_a_line_that_was_cut_short_is_not_read(tmp_path):
    path = tmp_path / "samples"
    lines = [json.dumps(line) for line in [{"head": 1}, *good_run()]]
    path.write_text("\n".join(lines) + '\n{"sample":', encoding="utf-8")
    head, samples = judge.load(path)
    assert head == {"head": 1}
    assert samples == good_run()


def test_the_observer_tells_the_answers_of_zookeeper_apart():
    assert observer.read_zookeeper(b"Zookeeper version: 3\nMode: leader\nNode", False) is None
    assert observer.read_zookeeper(b"Zookeeper version: 3\nMode: leader\n", True) == "leader"
    sick = b"This ZooKeeper instance is not currently serving requests\n"
    assert observer.read_zookeeper(sick, True) == "not-serving"
    assert observer.read_zookeeper(b"", True) == "reset"
    assert observer.read_zookeeper(b"hello", True) == "garbage"


def test_the_observer_tells_the_answers_of_mesos_apart():
    assert observer.read_mesos(b"HTTP/1.1 200 O", False) is None
    assert observer.read_mesos(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", False) == "200"
    assert observer.read_mesos(b"HTTP/1.1 404 Not Found\r\n\r\n", True) == "404"
    assert observer.read_mesos(b"", True) == "reset"
    assert observer.read_mesos(b"SSH-2.0-x\r\n\r\n", True) == "garbage"

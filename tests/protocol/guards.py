"""What the decision protocol promises, and what it leans on to keep the promises; each guard under the words of
design.md ("Callback", "Which decision counts for which run") that ask for it."""

from dataclasses import dataclass

P1 = "1 a run left waiting is resumed by any one further callback of its story, even if another run cannot be"
P2 = "2 no run waits beside a verdict that counts, once every delivery got through"
P3 = "3 a run takes only an approval or rejection decided after it started"
P4 = "4 no verdict is taken that was superseded when it was read"
P5 = "5 no run is resumed twice"
P6 = "6 no approval reaches a run when a rejection was the latest at the read"
P7 = "7 STORY is the newest verdict delivered, in whatever order they came"
P8 = "8 a run that begins to wait gets in or gets its verdict; it never goes round for ever"
PROPERTIES = (P1, P2, P3, P4, P5, P6, P7, P8)


@dataclass(frozen=True)
class Guards:
    """What the protocol leans on, a switch each. All hold in storygate; test_model.py breaks them one at a time."""

    # "(1) writes STORY, unless a newer verdict stands there"
    only_newer_is_written: bool = True
    # "of an approval and a rejection at the same instant ...": the order of arrival must not matter
    cautious_at_a_tie: bool = True
    # "(1) writes ...; (2) reads": in this order
    write_before_read: bool = True
    # "(2) reads the story's whole partition in one consistent Query"
    query_is_consistent: bool = True
    # "the verdict *found there*": where the partition takes several pages, STORY is read again after the last one
    story_is_read_last: bool = True
    # "So every callback also mends what an earlier one left": one whose write was refused reads on, too
    refused_write_reads_on: bool = True
    # "(3) gives the verdict *found there*", not the one it brought
    gives_what_it_found: bool = True
    # "to every waiting run it counts for": decided after the run started
    callback_compares_start: bool = True
    # "Three verdicts, never two": a pending story resumes nobody
    pending_resumes_nobody: bool = True
    # "..., then removes that run's entry": after the send
    send_before_remove: bool = True
    # "removes that run's entry": at all
    removes: bool = True
    # a wait entered anew has a new token in the entry; that one is not the callback's to remove
    removes_only_its_token: bool = True
    # one run's trouble must not keep the others waiting (VerdictTable._resume)
    goes_on_after_trouble: bool = True
    # "one TransactWriteItems that also checks that STORY holds no approval or rejection that counts for this run"
    wait_checks_story: bool = True
    # the check and the put are *one* transaction
    wait_is_one_transaction: bool = True
    # "holds no approval or rejection": a pending story turns nobody away
    pending_turns_nobody_away: bool = True
    # "that counts for this run": the check compares with the run's start, too
    wait_compares_start: bool = True
    # "decided after": a verdict of that very instant does not count, in the check as in the read
    wait_agrees_on_the_instant: bool = True
    # "If it does, the run reads and takes that verdict": only one that counts
    read_compares_start: bool = True
    # "if by then the verdict is pending again, it goes back to waiting"; "a transaction conflict is not a verdict"
    read_can_go_back: bool = True
    # ReadVerdict's ConsistentRead
    read_is_consistent: bool = True
    # "A token already spent or expired is a closed run": Step Functions accepts one once
    token_is_accepted_once: bool = True


ALL_HOLD = Guards()

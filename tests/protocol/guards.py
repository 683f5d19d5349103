"""The properties that the decision protocol must have, and the guards in the code that ensure them.

Quotations are from the header of chalicelib/verdicts.py and from docs/architecture.md.
"""

from dataclasses import dataclass

P1 = "1 a run left waiting is resumed by the next sweep, and by any one further callback, even if another run cannot be"
P2 = "2 no run waits beside a verdict that counts, once every delivery got through"
P3 = "3 a run takes only an approval or rejection decided after its input was uploaded"
P4 = "4 no verdict is taken that was superseded when it was read"
P5 = "5 no run is resumed twice"
P6 = "6 no approval reaches a run when a rejection was the latest at the read"
P7 = "7 STORY is the newest verdict delivered, in whatever order they came"
P8 = "8 a run that begins to wait gets in or gets its verdict; it never goes round for ever"
P9 = "9 a run that starts long after its upload, or in place of a failed drop, takes none given for a newer upload"
P10 = "10 a sweep leaves no entry of a run that is over"
PROPERTIES = (P1, P2, P3, P4, P5, P6, P7, P8, P9, P10)


@dataclass(frozen=True)
class Guards:
    """One switch for each guard. All are on in storygate; test_model.py turns them off one at a time."""

    # "write STORY, unless it holds a newer verdict"
    only_newer_is_written: bool = True
    # of an approval and a rejection of the same instant, the rejection is kept: the order of arrival must not matter
    cautious_at_a_tie: bool = True
    # (1) write, (2) read: in this order
    write_before_read: bool = True
    # "read the whole partition in one consistent Query"
    query_is_consistent: bool = True
    # "the verdict *found there*": where the partition takes several pages, STORY is read again after the last one
    story_is_read_last: bool = True
    # a callback also finishes what an earlier one left undone: even if its own write was refused, it reads and sends
    refused_write_reads_on: bool = True
    # "send the verdict *found there*", not the one that it brought
    gives_what_it_found: bool = True
    # "to every run it counts for": decided after the run's `countsFrom`
    callback_compares_start: bool = True
    # a pending story resumes no run
    pending_resumes_nobody: bool = True
    # "then remove that run's entry": after the send
    send_before_remove: bool = True
    # the entry is removed at all: what is left of a closed run resumes nobody and hides nobody, but is not tidy
    removes: bool = True
    # a run that tried again to wait has a new token in its entry: the callback must not remove that one
    removes_only_its_token: bool = True
    # the sweep removes an entry only after it has seen that the run is over
    sweep_looks_first: bool = True
    # if a call for one run fails, the other runs get their verdict all the same (_Resumption)
    goes_on_after_trouble: bool = True
    # the run's transaction "also checks that STORY holds no verdict that counts for the run"
    wait_checks_story: bool = True
    # the check and the put are *one* transaction
    wait_is_one_transaction: bool = True
    # a pending story lets a run wait
    pending_turns_nobody_away: bool = True
    # "that counts for the run": the check compares with the run's `countsFrom`, too
    wait_compares_start: bool = True
    # "decided after": a verdict of that same instant does not count, neither in the check nor in the read
    wait_agrees_on_the_instant: bool = True
    # the run that reads STORY takes only a verdict that counts
    read_compares_start: bool = True
    # if no verdict counts by then (pending again, or only a conflict), the run tries again to wait
    read_can_go_back: bool = True
    # ReadVerdict's ConsistentRead
    read_is_consistent: bool = True
    # a run counts from its input's upload, not from its later start: an approval given in between is for this upload
    counts_from_the_upload: bool = True
    # ... but from at most five minutes before its start: by then a newer upload may have been approved
    upload_is_bounded: bool = True
    # ... and from its start at the latest, whatever `droppedAt` says
    upload_is_not_after_the_start: bool = True
    # a run started in place of a failed drop has no `droppedAt`, and counts from its own start
    redrive_counts_from_its_start: bool = True
    # Step Functions accepts a token once; a token that is spent or expired means that the run is over
    token_is_accepted_once: bool = True


ALL_HOLD = Guards()

//! In which order causes are named.

use serde_json::json;

use crate::cause::explanation::compare_causes;
use crate::cause::{Cause, CounterfactualVerdict, THRESHOLD};

use super::{WEB, container, rollout};

/// A cause with a score and a verdict; its time is that of the second.
fn cause(score: f64, verdict: CounterfactualVerdict) -> Cause {
    let waiting = json!({"waiting":{"reason":"ErrImagePull","message":"web:typo: not found"}});
    let status = json!({"phase":"Pending","containerStatuses":[{"name":"app","ready":false,"restartCount":0,"state":waiting}]});
    let tape = rollout(|spec| container(spec)["image"] = "web:typo".into(), status);
    let mut cause = tape.ask(WEB).causes.swap_remove(0);
    cause.score = score;
    cause.candidate.counterfactual.verdict = verdict;
    cause
}

#[test]
fn a_proven_change_comes_before_an_undecided_one_of_about_equal_score() {
    use CounterfactualVerdict::{Fails, Holds, Undecided};
    let order = |given: &[(f64, CounterfactualVerdict)]| {
        let mut causes: Vec<_> = given.iter().map(|(score, verdict)| cause(*score, *verdict)).collect();
        causes.sort_by(compare_causes);
        causes.iter().map(|c| (c.score, c.candidate.counterfactual.verdict)).collect::<Vec<_>>()
    };
    assert_eq!(order(&[(0.72, Undecided), (0.70, Holds)]), [(0.70, Holds), (0.72, Undecided)]);
    assert_eq!(order(&[(0.70, Holds), (0.81, Undecided)]), [(0.81, Undecided), (0.70, Holds)]);
    assert_eq!(order(&[(0.70, Holds), (0.71, Holds)]), [(0.71, Holds), (0.70, Holds)]);
    assert_eq!(order(&[(0.60, Fails), (0.62, Undecided)]), [(0.62, Undecided), (0.60, Fails)]);
    // What explains nothing is not named before what does.
    let below = THRESHOLD - 0.01;
    assert_eq!(order(&[(below, Holds), (THRESHOLD, Undecided)]), [(THRESHOLD, Undecided), (below, Holds)]);
}

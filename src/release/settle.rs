//! Which colour is live: what the journal remembers, held against what the router does.
//!
//! Asked when no release is under way. Where the two disagree, or the router sends to both colours, a person must
//! say which is right: guessing wrong would put a version into service that nobody chose.

use crate::sample::{Colour, Weight};

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// This colour is live, and the router does so.
    Live(Colour),
    /// This colour is live, and the router is to be told: it has no split of its own, or lost it in a restart.
    Tell(Colour),
    /// Nothing may move until a person says which; a sentence with the command to type.
    Ask(String),
}

/// What is known.
#[derive(Clone, Debug)]
pub struct Signs<'a> {
    /// The service's name, for the command in the message.
    pub service: &'a str,
    /// Both colours, in the order of their names.
    pub colours: [&'a Colour; 2],
    /// What the journal remembers.
    pub remembered: Option<&'a Colour>,
    /// The share of the first colour as the router has it; `None` when it has no split of its own.
    pub first: Option<Weight>,
    /// The router was seen to restart while this daemon watched it.
    pub restarted: bool,
    /// What a router without a split of its own begins with.
    pub initial: &'a Colour,
}

/// Decides which colour is live.
#[must_use]
pub fn settle(signs: &Signs<'_>) -> Settled {
    let [first, second] = signs.colours;
    let routed = match signs.first {
        None => {
            return Settled::Tell(signs.remembered.unwrap_or(signs.initial).clone());
        }
        Some(Weight::ALL) => Some(first),
        Some(Weight::NONE) => Some(second),
        Some(_) => None,
    };
    match (routed, signs.remembered) {
        (Some(routed), None) => Settled::Live(routed.clone()),
        (Some(routed), Some(remembered)) if routed == remembered => Settled::Live(routed.clone()),
        // A restart that happened before our eyes explains the difference; nobody chose it.
        (_, Some(remembered)) if signs.restarted => Settled::Tell(remembered.clone()),
        (Some(routed), Some(remembered)) => Settled::Ask(format!(
            "the router sends all traffic of {service} to {routed}, but the journal says that {remembered} is live: \
             nothing moves until you say which, with `assize release live {service} {routed}` \
             or `assize release live {service} {remembered}`",
            service = signs.service
        )),
        (None, _) => {
            let share = signs.first.unwrap_or_default();
            Settled::Ask(format!(
                "the router sends {share} of {service} to {first} and {} to {second} with no release under way: \
                 nothing moves until you say which is live, with `assize release live {service} {first}` \
                 or `assize release live {service} {second}`",
                share.rest(),
                service = signs.service
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(name: &str) -> Colour {
        Colour::new(name).unwrap()
    }

    /// (remembered, first colour's share in percent, restarted) → answer.
    fn check(remembered: Option<&str>, first: Option<f64>, restarted: bool) -> Settled {
        let (blue, green) = (colour("blue"), colour("green"));
        let remembered = remembered.map(colour);
        settle(&Signs {
            service: "shop",
            colours: [&blue, &green],
            remembered: remembered.as_ref(),
            first: first.map(|p| Weight::from_percent(p).unwrap()),
            restarted,
            initial: &blue,
        })
    }

    #[test]
    fn a_new_service_takes_what_the_router_does() {
        assert_eq!(check(None, Some(100.0), false), Settled::Live(colour("blue")));
        assert_eq!(check(None, Some(0.0), false), Settled::Live(colour("green")));
    }

    #[test]
    fn a_router_without_a_split_takes_what_is_remembered() {
        assert_eq!(check(None, None, false), Settled::Tell(colour("blue")));
        assert_eq!(check(Some("green"), None, false), Settled::Tell(colour("green")));
    }

    #[test]
    fn agreement_needs_nobody() {
        assert_eq!(check(Some("green"), Some(0.0), false), Settled::Live(colour("green")));
        assert_eq!(check(Some("blue"), Some(100.0), true), Settled::Live(colour("blue")));
    }

    #[test]
    fn a_restart_before_our_eyes_is_put_right() {
        assert_eq!(check(Some("green"), Some(100.0), true), Settled::Tell(colour("green")));
        assert_eq!(check(Some("green"), Some(50.0), true), Settled::Tell(colour("green")));
    }

    #[test]
    fn disagreement_asks_and_names_both_commands() {
        let Settled::Ask(text) = check(Some("green"), Some(100.0), false) else {
            panic!("must ask");
        };
        assert!(text.contains("`assize release live shop blue`"), "{text}");
        assert!(text.contains("`assize release live shop green`"), "{text}");
    }

    #[test]
    fn a_split_without_a_release_asks() {
        for remembered in [None, Some("blue")] {
            let Settled::Ask(text) = check(remembered, Some(95.0), false) else {
                panic!("must ask");
            };
            assert!(text.contains("95% of shop to blue and 5% to green"), "{text}");
        }
        assert!(matches!(check(None, Some(95.0), true), Settled::Ask(_)));
    }
}

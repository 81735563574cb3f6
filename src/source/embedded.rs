//! The embedded router's books as a source: no metrics server needed.
//!
//! Every request through [`crate::router::embedded`] is counted there by colour, status and time. Once a tick this
//! takes the difference. A colour that was sent requests and ended none gives a total of 0 and not a gap: the books are
//! complete, so that *is* what happened, and whether a colour is silent is for the judge to say.

use async_trait::async_trait;

use super::Source;
use crate::router::embedded::{LATENCY_BOUNDS_S, Recorder, Seen};
use crate::rules::model::Query;
use crate::sample::{Colour, GapKind, Reading, Sample};

/// Reads a [`Recorder`].
pub struct EmbeddedSource {
    recorder: Recorder,
    checks: Vec<(String, Measure)>,
    colours: [Colour; 2],
    /// What was seen at the last tick, in the order of `colours`.
    last: Option<[Seen; 2]>,
}

/// What a check takes from the books.
enum Measure {
    /// Answers with a bad status code, of all answers.
    Bad(StatusList),
    /// Time to the end of the answer.
    Latency,
}

impl EmbeddedSource {
    /// Measures `checks` (name and query) for both colours of the recorder.
    ///
    /// # Errors
    /// When a query is not one that the books can answer; names the check.
    pub fn new(
        recorder: Recorder,
        checks: Vec<(String, Query)>,
        colours: [Colour; 2],
    ) -> Result<Self, String> {
        let checks = checks
            .into_iter()
            .map(|(name, query)| match Measure::of(&query) {
                Ok(measure) => Ok((name, measure)),
                Err(why) => Err(format!("check `{name}`: {why}")),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { recorder, checks, colours, last: None })
    }

    /// The books now; a colour that the recorder does not know has none.
    fn books(&self) -> Option<[Seen; 2]> {
        let [a, b] = &self.colours;
        Some([self.recorder.seen(a)?, self.recorder.seen(b)?])
    }

    fn samples(&self, read: impl Fn(&Measure, usize) -> Reading) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(2 * self.checks.len());
        for (check, measure) in &self.checks {
            for (index, colour) in self.colours.iter().enumerate() {
                samples.push(Sample {
                    check: check.clone(),
                    colour: colour.clone(),
                    reading: read(measure, index),
                });
            }
        }
        samples
    }

    fn stranger(&self) -> String {
        let [a, b] = &self.colours;
        format!("the embedded router does not serve both {a} and {b}")
    }
}

#[async_trait]
impl Source for EmbeddedSource {
    async fn sample(&mut self) -> Vec<Sample> {
        let Some(now) = self.books() else {
            let why = self.stranger();
            return self.samples(|_, _| Reading::gap(GapKind::NoData, why.as_str()));
        };
        let samples = match &self.last {
            None => self.samples(|_, _| Reading::gap(GapKind::NotYet, "")),
            Some(last) => {
                let passed = [now[0].since(&last[0]), now[1].since(&last[1])];
                self.samples(|measure, colour| measure.reading(&passed[colour]))
            }
        };
        self.last = Some(now);
        samples
    }

    async fn try_out(&mut self) -> Result<Vec<String>, Vec<String>> {
        let books = self.books().ok_or_else(|| vec![self.stranger()])?;
        let lines = self.samples(|measure, colour| measure.reading(&books[colour]));
        let lines = lines.into_iter().map(|Sample { check, colour, reading }| {
            let counted = match reading {
                Reading::Counts { bad, total } => format!("{bad} bad of {total} answers"),
                reading => format!("{} answers by time", reading.events()),
            };
            format!("{check}, {colour}: {counted} since the router started")
        });
        Ok(lines.collect())
    }
}

impl Measure {
    fn of(query: &Query) -> Result<Self, String> {
        match query {
            Query::Counters { bad, .. } => bad.parse().map(Self::Bad),
            Query::Histogram { .. } => Ok(Self::Latency),
            Query::Value { .. } => Err("the embedded source counts requests and has no values: \
                                        use `kind = \"ratio\"` or `\"latency\"`, or another source"
                .into()),
        }
    }

    fn reading(&self, seen: &Seen) -> Reading {
        let made = match self {
            Self::Bad(list) => Reading::counts(seen.answered(|code| list.has(code)), seen.answered(|_| true)),
            Self::Latency => Reading::histogram(LATENCY_BOUNDS_S.to_vec(), seen.latency.clone()),
        };
        made.unwrap_or_else(|bad| Reading::gap(GapKind::Malformed, bad.to_string()))
    }
}

/// Status codes and classes of them: `5xx, 429`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList(Vec<(u16, u16)>);

impl StatusList {
    /// Whether a status code is on it.
    #[must_use]
    pub fn has(&self, code: u16) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&code))
    }
}

impl std::str::FromStr for StatusList {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        list.split(',').map(str::trim).map(range).collect::<Result<_, _>>().map(Self)
    }
}

/// First and last code of a class (`5xx`) or a code (`429`).
fn range(entry: &str) -> Result<(u16, u16), String> {
    let (low, high) = match entry.strip_suffix("xx") {
        Some(class) => (format!("{class}00"), format!("{class}99")),
        None => (entry.to_owned(), entry.to_owned()),
    };
    // `parse` takes a sign too, but then there are more than three characters.
    let code = |text: String| text.parse().ok().filter(|code| text.len() == 3 && (100..600).contains(code));
    code(low).zip(code(high)).ok_or_else(|| {
        format!("`{entry}` is no status code or class: write for example `bad = \"5xx, 429\"`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_codes_and_classes() {
        let list: StatusList = "5xx, 429,404".parse().unwrap();
        let bad: Vec<u16> = (100..600).filter(|code| list.has(*code)).collect();
        assert_eq!(bad, [vec![404, 429], (500..600).collect()].concat());
        for wrong in ["", "5xx,", "6xx", "5x", "99", "600", "xx", "5xx 4xx", "+429"] {
            assert!(wrong.parse::<StatusList>().is_err(), "{wrong}");
        }
    }

    fn colours() -> [Colour; 2] {
        ["blue", "green"].map(|name| Colour::new(name).unwrap())
    }

    #[tokio::test]
    async fn nothing_sent_is_counted_as_nothing() {
        let checks = vec![
            ("errors".into(), Query::Counters { bad: "5xx".into(), total: String::new() }),
            ("latency".into(), Query::Histogram { buckets: String::new() }),
        ];
        let mut source = EmbeddedSource::new(Recorder::new(colours()), checks, colours()).unwrap();
        assert_eq!(
            source.try_out().await.unwrap()[0],
            "errors, blue: 0 bad of 0 answers since the router started"
        );
        let first = source.sample().await;
        assert_eq!(first.len(), 4);
        assert!(first.iter().all(|s| s.reading == Reading::gap(GapKind::NotYet, "")));
        let second = source.sample().await;
        assert_eq!(second[1].reading, Reading::Counts { bad: 0, total: 0 });
        assert_eq!((second[3].check.as_str(), second[3].reading.events()), ("latency", 0));
    }

    #[tokio::test]
    async fn what_the_books_cannot_answer_is_told() {
        let value = vec![("cpu".into(), Query::Value { query: String::new() })];
        let error = EmbeddedSource::new(Recorder::new(colours()), value, colours()).err().unwrap();
        assert!(error.contains("`cpu`") && error.contains("another source"), "{error}");

        let [blue, _] = colours();
        let checks = vec![("latency".into(), Query::Histogram { buckets: String::new() })];
        let strangers = [blue, Colour::new("red").unwrap()];
        let mut source = EmbeddedSource::new(Recorder::new(colours()), checks, strangers).unwrap();
        assert!(matches!(&source.sample().await[0].reading, Reading::Gap(gap) if gap.detail.contains("red")));
        assert!(source.try_out().await.is_err());
    }
}

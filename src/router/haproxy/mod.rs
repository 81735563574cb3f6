//! HAProxy, over its runtime socket.
//!
//! A split is a set of absolute server weights (`set server BACKEND/SERVER weight N`), never a percentage: HAProxy
//! takes a percentage of the *configured* weight, so with a configured 0 it would silently do nothing. Weights that go
//! up are set before those that go down, so that at no moment both colours are without traffic, and the whole is read
//! back before it counts as done. `weights` finds the numbers, `socket` carries them, `state` reads them back.
//!
//! HAProxy forgets weights when it reloads, unless it has a `server-state-file`; that shows as another incarnation.

mod socket;
mod state;
mod weights;

use async_trait::async_trait;

use self::socket::{Socket, quote};
use self::state::{NotState, State};
use super::{Observed, Router, RouterError, Split};
use crate::rules::model::HaproxyRule;
use crate::sample::{Colour, Weight};

/// HAProxy as a router: both colours are servers of one backend.
#[derive(Clone, Debug)]
pub struct HaproxyRouter {
    socket: Socket,
    backend: String,
    /// Sorted by name, each with its servers.
    colours: [(Colour, Vec<String>); 2],
}

/// One server's weight, as it is and as it shall be.
struct Change<'a> {
    server: &'a str,
    from: u64,
    to: u64,
}

impl HaproxyRouter {
    /// Connects to nothing yet. `colours` in the order of `rule.servers`.
    ///
    /// # Errors
    /// When a name could not be a HAProxy name (and would be read as another command), a server is listed twice, or a
    /// colour has none.
    pub fn new(rule: &HaproxyRule, colours: [Colour; 2]) -> Result<Self, RouterError> {
        let [one, other] = rule.servers.clone();
        let all: Vec<&String> = rule.servers.iter().flatten().collect();
        for name in all.iter().copied().chain([&rule.backend]) {
            check_name(name)?;
        }
        for (at, server) in all.iter().enumerate() {
            if all[..at].contains(server) {
                return Err(RouterError::Answer(format!(
                    "server `{server}` is listed twice under [router] servers: a server has one colour"
                )));
            }
        }
        let [a, b] = colours;
        let mut colours = [(a, one), (b, other)];
        colours.sort();
        if let Some((colour, _)) = colours.iter().find(|(_, servers)| servers.is_empty()) {
            return Err(RouterError::Answer(format!(
                "colour `{colour}` has no servers under [router] servers: name at least one"
            )));
        }
        Ok(Self {
            socket: Socket::new(&rule.socket, rule.timeout_ms),
            backend: rule.backend.clone(),
            colours,
        })
    }

    /// What a split means for the first colour.
    fn first_share(&self, split: &Split) -> Option<Weight> {
        match &self.colours {
            [(first, _), _] if *first == split.colour => Some(split.weight),
            [_, (second, _)] if *second == split.colour => Some(split.weight.rest()),
            _ => None,
        }
    }

    fn plan(&self, first: Weight) -> [Vec<u64>; 2] {
        weights::plan(first, [self.colours[0].1.len(), self.colours[1].1.len()])
    }

    /// Reads the backend and makes sure that every server of both colours is there.
    async fn state(&self) -> Result<State, RouterError> {
        let question = format!("show servers state {}; show info", self.backend);
        let answer = self.socket.ask(&question).await?;
        let state = match State::parse(&answer) {
            Ok(state) => state,
            Err(NotState::NoBackend) => return Err(self.no_backend().await),
            Err(NotState::Other(why)) => {
                return Err(RouterError::Answer(format!(
                    "HAProxy at {} answered `{question}` with {why}: \
                     `socket` in [router] must be a runtime socket with `level admin`",
                    self.socket
                )));
            }
        };
        let servers = self.colours.iter().flat_map(|(_, servers)| servers);
        match servers.into_iter().find(|name| state.server(name).is_none()) {
            Some(missing) => Err(self.no_server(missing, &state)),
            None => Ok(state),
        }
    }

    async fn no_backend(&self) -> RouterError {
        let backends = match self.socket.ask("show backend").await {
            Ok(answer) => {
                answer.lines().skip(1).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
            }
            Err(error) => format!("unknown ({error})"),
        };
        RouterError::Answer(format!(
            "HAProxy has no backend `{}`: correct `backend` in [router]; there are {backends}",
            self.backend
        ))
    }

    fn no_server(&self, missing: &str, state: &State) -> RouterError {
        let names: Vec<&str> = state.servers.iter().map(|server| server.name.as_str()).collect();
        RouterError::Answer(format!(
            "HAProxy has no server `{}/{missing}`: correct `servers` in [router]; the backend has {}",
            self.backend,
            names.join(", ")
        ))
    }

    /// Every server with its weight now and the one planned.
    fn changes<'a>(&'a self, state: &State, plan: &[Vec<u64>; 2]) -> Vec<Change<'a>> {
        let servers = self.colours.iter().flat_map(|(_, servers)| servers);
        servers
            .zip(plan.iter().flatten())
            .map(|(server, to)| Change {
                server,
                from: state.server(server).map_or(0, |server| server.weight),
                to: *to,
            })
            .collect()
    }

    /// Taking the last traffic from a colour that serves, while no server of the other one does, is an outage: down
    /// servers come back, but a weight of 0 keeps HAProxy from using the colour that could answer meanwhile.
    fn refuse_outage(&self, state: &State, plan: &[Vec<u64>; 2]) -> Result<(), RouterError> {
        let in_service = |colour: usize| {
            let servers = &self.colours[colour].1;
            servers.iter().filter_map(|name| state.server(name)).any(|server| server.serving)
        };
        for (to, from) in [(0, 1), (1, 0)] {
            let takes_all = plan[from].iter().all(|weight| *weight == 0);
            if takes_all && in_service(from) && !in_service(to) {
                let (idle, servers) = &self.colours[to];
                return Err(RouterError::Answer(format!(
                    "not sending all traffic of `{}` to {idle}: HAProxy has every server of it ({}) down, in \
                     maintenance or draining; bring one up (`set server {}/{} state ready`)",
                    self.backend,
                    servers.join(", "),
                    self.backend,
                    servers[0],
                )));
            }
        }
        Ok(())
    }

    async fn set_weight(&self, server: &str, weight: u64) -> Result<(), RouterError> {
        let command = format!("set server {}/{server} weight {weight}", self.backend);
        let answer = self.socket.ask(&command).await?;
        if answer.trim().is_empty() {
            return Ok(());
        }
        Err(RouterError::Answer(format!(
            "HAProxy answered `{command}` with {}: {}",
            quote(&answer),
            remedy(&answer)
        )))
    }

    /// What HAProxy's totals say of the first colour.
    fn observed(&self, state: &State) -> Option<Weight> {
        let total = |colour: usize| {
            let servers = &self.colours[colour].1;
            servers.iter().filter_map(|name| state.server(name)).map(|server| server.weight).sum()
        };
        weights::share([total(0), total(1)])
    }
}

#[async_trait]
impl Router for HaproxyRouter {
    async fn read(&self) -> Result<Observed, RouterError> {
        let state = self.state().await?;
        let Some(first) = self.observed(&state) else {
            return Err(RouterError::NoTraffic(format!(
                "every server of both colours in HAProxy's backend `{}` has weight 0, so nobody is served: \
                 give the live colour a weight, for example `set server {}/{} weight 100`",
                self.backend, self.backend, self.colours[0].1[0]
            )));
        };
        Ok(Observed { first: Some(first), incarnation: state.incarnation })
    }

    async fn set(&self, split: &Split) -> Result<(), RouterError> {
        let first = self.first_share(split).ok_or_else(|| {
            let [(a, _), (b, _)] = &self.colours;
            RouterError::Answer(format!("no colour `{}` here: this router has {a} and {b}", split.colour))
        })?;
        let plan = self.plan(first);
        let before = self.state().await?;
        self.refuse_outage(&before, &plan)?;
        let changes = self.changes(&before, &plan);
        for change in changes.iter().filter(|change| change.to > change.from) {
            self.set_weight(change.server, change.to).await?;
        }
        for change in changes.iter().filter(|change| change.to < change.from) {
            self.set_weight(change.server, change.to).await?;
        }
        let after = self.state().await?;
        match self.changes(&after, &plan).iter().find(|left| left.from != left.to) {
            None => Ok(()),
            Some(left) => Err(RouterError::Answer(format!(
                "HAProxy accepted weight {} for `{}/{}` but has {}: it was reloaded, or something else sets weights too",
                left.to, self.backend, left.server, left.from
            ))),
        }
    }

    fn achievable(&self, split: &Split) -> Weight {
        let Some(first) = self.first_share(split) else {
            return split.weight;
        };
        let plan = self.plan(first);
        let totals = [plan[0].iter().sum(), plan[1].iter().sum()];
        let seen = weights::share(totals).unwrap_or(first);
        if self.colours[0].0 == split.colour { seen } else { seen.rest() }
    }
}

/// HAProxy's own rule for names; anything else could end the command and begin another.
fn check_name(name: &str) -> Result<(), RouterError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    Err(RouterError::Answer(format!(
        "{} under [router] cannot be a name in HAProxy: those have letters, digits, `-`, `_`, `.` and `:` only",
        quote(name)
    )))
}

/// What to do about an answer to `set server … weight`.
fn remedy(answer: &str) -> &'static str {
    const REMEDIES: [(&str, &str); 3] = [
        ("Permission denied", "give the socket `level admin`"),
        (
            "static LB algorithm",
            "use an algorithm with weights at run time: `balance roundrobin`, `leastconn` or `random`, or `hash-type consistent`",
        ),
        ("No such", "correct `backend` and `servers` in [router]"),
    ];
    let known = REMEDIES.iter().find(|(words, _)| answer.contains(words));
    known.map_or("see `set server` in HAProxy's management guide", |(_, remedy)| remedy)
}

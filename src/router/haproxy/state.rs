//! Reads what HAProxy says of itself: `show servers state BACKEND; show info` in one exchange.
//!
//! One exchange, so that weights and process come from the same moment of the same process: a reload in between cannot
//! pair the old weights with the new process. Columns are found by the names in the header line, because HAProxy adds
//! some at the end from version to version. Format: HAProxy's management guide, section 9.3, "show servers state".

use super::socket::quote;

/// The only version of the table's format so far.
const FORMAT_VERSION: &str = "1";

/// HAProxy's words for a backend it does not have.
const NO_BACKEND: &str = "Can't find backend";

/// Bits of `srv_admin_state` with which a server gets no traffic: forced, inherited or configured maintenance (1, 2,
/// 4), forced or inherited drain (8, 16), maintenance because its name does not resolve (32).
const ADMIN_OUT: u32 = 0x3f;

/// `srv_op_state` of a server that is starting (slow start) and of one that is running; 0 is down, 3 is stopping.
const OP_SERVING: [u32; 2] = [1, 2];

/// What was read in one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Every server of the backend, in HAProxy's order.
    pub(super) servers: Vec<Server>,
    /// Differs after a restart or a reload.
    pub(super) incarnation: Option<String>,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    /// 0 to 256, as set over the socket or, before that, as configured.
    pub(super) weight: u64,
    /// Neither down nor in maintenance nor draining, so that its weight has an effect.
    pub(super) serving: bool,
}

/// Why an answer is not a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotState {
    /// The backend does not exist.
    NoBackend,
    /// Something else came back; says what.
    Other(String),
}

impl State {
    /// # Errors
    /// When the backend is unknown or the answer is not the table of a known version.
    pub(super) fn parse(answer: &str) -> Result<Self, NotState> {
        let mut lines = answer.lines().skip_while(|line| line.trim().is_empty());
        let other = |why: &str| NotState::Other(format!("{why}: {}", quote(answer)));
        match lines.next().map(str::trim) {
            Some(FORMAT_VERSION) => {}
            Some(line) if line.starts_with(NO_BACKEND) => return Err(NotState::NoBackend),
            Some(line) if line.parse::<u32>().is_ok() => {
                return Err(other("not version 1 of the table of servers"));
            }
            _ => return Err(other("not a table of servers")),
        }
        let columns = lines
            .next()
            .and_then(Columns::find)
            .ok_or_else(|| other("no header with the columns of servers"))?;
        let servers = lines
            .by_ref()
            .take_while(|line| !line.trim().is_empty())
            .map(|line| {
                columns.server(line).ok_or_else(|| NotState::Other(format!("not a server: {}", quote(line))))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { servers, incarnation: incarnation(lines) })
    }

    /// The server of this name.
    pub(super) fn server(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|server| server.name == name)
    }
}

/// Where the needed columns stand.
struct Columns {
    name: usize,
    weight: usize,
    op_state: usize,
    admin_state: usize,
}

impl Columns {
    fn find(header: &str) -> Option<Self> {
        let names: Vec<&str> = header.strip_prefix('#')?.split_whitespace().collect();
        let at = |name: &str| names.iter().position(|column| *column == name);
        Some(Self {
            name: at("srv_name")?,
            weight: at("srv_uweight")?,
            op_state: at("srv_op_state")?,
            admin_state: at("srv_admin_state")?,
        })
    }

    fn server(&self, line: &str) -> Option<Server> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
        let up = OP_SERVING.contains(&number(self.op_state)?);
        let out = number(self.admin_state)? & ADMIN_OUT != 0;
        Some(Server {
            name: (*fields.get(self.name)?).to_owned(),
            weight: number(self.weight)?.into(),
            serving: up && !out,
        })
    }
}

/// Process id and start time of the worker. The start time is absent before HAProxy 2.5, then the process id must do.
fn incarnation<'a>(info: impl Iterator<Item = &'a str>) -> Option<String> {
    let (mut pid, mut started) = (None, None);
    for line in info {
        match line.split_once(':') {
            Some(("Pid", value)) => pid = Some(value.trim()),
            Some(("Start_time_sec", value)) => started = Some(value.trim()),
            _ => {}
        }
    }
    let started = started.map(|s| format!(", started {s}"));
    pid.map(|pid| format!("pid {pid}{}", started.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight";

    fn parse(rows: &str, info: &str) -> Result<State, NotState> {
        State::parse(&format!("1\n{HEADER}\n{rows}\n\n{info}"))
    }

    #[test]
    fn reads_servers_and_process() {
        let rows = "3 shop 1 blue1 127.0.0.1 2 0 99 100\n3 shop 2 green1 127.0.0.1 0 0 1 0\n\
                    3 shop 3 green2 127.0.0.1 2 1 1 0";
        let info = "Name: HAProxy\nPid: 812\nUptime_sec: 4\nStart_time_sec: 1700000000\n";
        let state = parse(rows, info).unwrap();
        let seen: Vec<_> = state.servers.iter().map(|s| (s.name.as_str(), s.weight, s.serving)).collect();
        assert_eq!(seen, [("blue1", 99, true), ("green1", 1, false), ("green2", 1, false)]);
        assert_eq!(state.incarnation.as_deref(), Some("pid 812, started 1700000000"));
    }

    #[test]
    fn columns_may_move() {
        let answer = "1\n# srv_uweight srv_new srv_admin_state srv_name srv_op_state\n7 x 0 a 2\n";
        let state = State::parse(answer).unwrap();
        assert_eq!(state.server("a").map(|s| (s.weight, s.serving)), Some((7, true)));
        assert_eq!(state.incarnation, None);
    }

    #[test]
    fn an_old_version_is_told_by_process_id_alone() {
        let state = parse("", "Pid: 9\n").unwrap();
        assert_eq!(state.incarnation.as_deref(), Some("pid 9"));
    }

    #[test]
    fn what_is_not_a_table_is_quoted() {
        assert_eq!(State::parse("Can't find backend.\n\nPid: 1\n"), Err(NotState::NoBackend));
        for garbage in ["", "Permission denied\n", "2\n# srv_name\n", "1\nno header\n", "\u{fffd}\0"] {
            let Err(NotState::Other(why)) = State::parse(garbage) else {
                panic!("{garbage:?} was taken for a table");
            };
            assert!(why.contains('`'), "{why}");
        }
        let row = parse("3 shop 1 blue1 127.0.0.1 2 0 many 100", "");
        assert!(matches!(row, Err(NotState::Other(why)) if why.contains("many")));
    }
}

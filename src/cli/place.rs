//! Where a daemon keeps its state and its socket.

use std::path::PathBuf;

use super::StateArgs;

/// Where a packaged daemon keeps its state.
const SYSTEM_STATE_DIR: &str = "/var/lib/assize";

impl StateArgs {
    /// The state directory: as told, as systemd tells, the system's if it is there, else the user's.
    pub fn dir(&self) -> PathBuf {
        let from_systemd = || std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
        let system = || Some(PathBuf::from(SYSTEM_STATE_DIR)).filter(|dir| dir.is_dir());
        let state_home = || std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
        (self.state_dir.clone())
            .or_else(from_systemd)
            .or_else(system)
            .or_else(|| state_home().or_else(home).map(|dir| dir.join("assize")))
            .unwrap_or_else(|| PathBuf::from(SYSTEM_STATE_DIR))
    }

    /// The API's socket.
    pub fn socket(&self) -> PathBuf {
        (self.socket.clone()).unwrap_or_else(|| self.dir().join("assize.sock"))
    }
}

/// Who gives this command, for the log: the person behind sudo rather than root.
pub fn person() -> String {
    let name = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
    (name("SUDO_USER").or_else(|| name("USER")).or_else(|| name("LOGNAME")))
        .unwrap_or_else(|| "somebody".to_owned())
}

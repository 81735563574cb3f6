//! Rule files from disk: found, read, compiled, and every mistake shown at once.

use std::path::{Path, PathBuf};

use super::exit::{Exit, Failed};
use crate::rules::diagnostics::{self, Diagnostic, Severity};
use crate::rules::model::RuleFile;

/// A rule file larger than this is none.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What was found in all files together.
pub struct Loaded {
    /// Valid files.
    pub files: Vec<RuleFile>,
    /// Errors and notes, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// The same for people.
    pub rendered: String,
}

impl Loaded {
    /// All files' rules, or the errors on standard error and exit code 2.
    pub fn all_valid(self) -> Result<Vec<RuleFile>, Failed> {
        let errors = self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        if errors == 0 {
            one_file_per_service(&self.files)?;
            return Ok(self.files);
        }
        eprintln!("{}", self.rendered);
        let files = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
        Err(Failed { exit: Exit::Usage, message: format!("{files} in the rules, nothing was started") })
    }
}

/// Reads rule files; a directory stands for its `*.toml` files by name.
pub fn load(paths: &[PathBuf]) -> Result<Loaded, Failed> {
    let mut loaded = Loaded { files: Vec::new(), diagnostics: Vec::new(), rendered: String::new() };
    for path in expand(paths)? {
        let text = read(&path)?;
        let found = match crate::rules::load(&path, &text) {
            Ok(file) => {
                let notes = diagnostics::of_notes(&path, &text, &file.notes);
                loaded.files.push(file);
                notes
            }
            Err(faults) => faults,
        };
        if !found.is_empty() && !loaded.rendered.is_empty() {
            loaded.rendered.push('\n');
        }
        loaded.rendered += &diagnostics::render(&text, &found);
        loaded.diagnostics.extend(found);
    }
    Ok(loaded)
}

fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failed> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |error| Failed::usage(format!("cannot read {}: {error}", path.display()));
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|extension| extension == "toml") {
                found.push(file);
            }
        }
        if found.is_empty() {
            return Err(Failed::usage(format!("no *.toml in {}: put a rule file there", path.display())));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String, Failed> {
    let failed =
        |error: &dyn std::fmt::Display| Failed::usage(format!("cannot read {}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(|e| failed(&e))?.len();
    if size > FILE_BYTES_MAX {
        return Err(failed(&format!("{size} bytes are too many for a rule file (at most {FILE_BYTES_MAX})")));
    }
    std::fs::read_to_string(path).map_err(|e| failed(&e))
}

/// The daemon takes one file per service.
pub fn one_file_per_service(files: &[RuleFile]) -> Result<(), Failed> {
    for (index, file) in files.iter().enumerate() {
        let same = |other: &&RuleFile| other.rules.service == file.rules.service;
        if let Some(other) = files[..index].iter().find(same) {
            return Err(Failed::usage(format!(
                "{} and {} are both rules for service `{}`: keep one",
                other.path.display(),
                file.path.display(),
                file.rules.service
            )));
        }
    }
    Ok(())
}

//! Sample files read ahead: a thread of its own reads and parses lines while the judge is at work on earlier ones.
//!
//! Lines come in batches over a queue with a bound, in the order of the file. A batch is handed on when what was read at
//! once is used up, so that samples from a pipe are judged as they come.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::ReplayError;
use super::line::{self, At, Names, Said};
use crate::sample::Timestamp;

/// A line longer than this is no sample: a histogram of a thousand bounds has 30 kB.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// So much is read at once.
const READ_BYTES: usize = 1 << 16;

/// A batch has no more entries than this.
const BATCH_MAX: usize = 2_048;

/// So many batches wait for the judge; then the reader waits.
const BATCHES_MAX: usize = 8;

/// One line that says something.
#[derive(Debug)]
pub struct Entry {
    /// Its number in the file, from 1.
    pub line: u64,
    /// As it stands there.
    pub at: At,
    /// The same on the replay's own time line.
    pub now: Timestamp,
    /// What it says.
    pub said: Said,
}

enum Message {
    Entries(Vec<Entry>),
    /// The last message, where it comes to that.
    Fault(ReplayError),
    /// The last message otherwise. Without it the reader has died.
    End,
}

/// The lines of a sample file as they are read ahead.
pub struct Reader {
    messages: Receiver<Message>,
    over: bool,
}

impl Reader {
    /// Starts to read. Whoever stops early just drops this: the thread ends with its next batch.
    pub fn start(input: impl Read + Send + 'static, names: Names) -> Self {
        let (sender, messages) = sync_channel(BATCHES_MAX);
        // Not joined: it may wait for a pipe that never ends.
        std::thread::spawn(move || {
            let last = match read(BufReader::with_capacity(READ_BYTES, input), &names, &sender) {
                Ok(()) => Message::End,
                Err(fault) => Message::Fault(fault),
            };
            // Nobody listens any more where the replay is decided.
            let _ = sender.send(last);
        });
        Self { messages, over: false }
    }
}

impl Iterator for Reader {
    type Item = Result<Vec<Entry>, ReplayError>;

    /// The next lines; a fault is the last thing it gives.
    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.messages.recv() {
            Ok(Message::Entries(entries)) => Some(Ok(entries)),
            Ok(Message::End) => {
                self.over = true;
                None
            }
            Ok(Message::Fault(fault)) => {
                self.over = true;
                Some(Err(fault))
            }
            Err(_) => {
                self.over = true;
                Some(Err(ReplayError { line: 0, what: "the reader stopped unexpectedly".into() }))
            }
        }
    }
}

/// Reads to the end, to a fault, or until nobody listens any more.
fn read(
    mut input: BufReader<impl Read>,
    names: &Names,
    sender: &SyncSender<Message>,
) -> Result<(), ReplayError> {
    let mut text = Vec::new();
    let mut entries = Vec::with_capacity(BATCH_MAX);
    for number in 1_u64.. {
        // Before a read that may wait, and before a fault is told, everything read so far is handed on.
        if entries.len() == BATCH_MAX || (input.buffer().is_empty() && !entries.is_empty()) {
            let full = std::mem::replace(&mut entries, Vec::with_capacity(BATCH_MAX));
            if sender.send(Message::Entries(full)).is_err() {
                return Ok(());
            }
        }
        let next = match next_line(&mut input, &mut text, number) {
            Ok(false) => break,
            Ok(true) => entry(&text, number, names),
            Err(fault) => Err(fault),
        };
        match next {
            Ok(entry) => entries.extend(entry),
            Err(fault) => {
                let _ = sender.send(Message::Entries(entries));
                return Err(fault);
            }
        }
    }
    let _ = sender.send(Message::Entries(entries));
    Ok(())
}

/// Whether there was one more line.
fn next_line(input: &mut impl BufRead, text: &mut Vec<u8>, number: u64) -> Result<bool, ReplayError> {
    text.clear();
    let fault = |what: String| ReplayError { line: number, what };
    let read = input.take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', text);
    match read {
        Err(error) => Err(fault(format!("cannot be read: {error}"))),
        Ok(n) if n > LINE_BYTES_MAX => Err(fault(format!("is longer than {LINE_BYTES_MAX} bytes"))),
        Ok(n) => Ok(n > 0),
    }
}

/// What a line says; nothing where it is blank.
fn entry(text: &[u8], number: u64, names: &Names) -> Result<Option<Entry>, ReplayError> {
    let fault = |what: String| ReplayError { line: number, what };
    let text = std::str::from_utf8(text)
        .map_err(|error| fault(format!("is no UTF-8 from its byte {} on", error.valid_up_to() + 1)))?;
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    let (at, said) = line::read(text, names).map_err(fault)?;
    let now = at.timestamp().map_err(|bad| fault(bad.0))?;
    Ok(Some(Entry { line: number, at, now, said }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let rules = include_str!("../../rules/prometheus-haproxy.toml");
        Names::new(&crate::rules::compile(rules).unwrap().0)
    }

    fn weights(lines: std::ops::Range<u32>) -> String {
        lines.map(|at| format!("{{\"at\": {at}, \"weight\": 5}}\n")).collect::<Vec<String>>().concat()
    }

    #[test]
    fn many_batches_keep_their_order_and_their_numbers() {
        let reader = Reader::start(std::io::Cursor::new(weights(0..20_000)), names());
        let entries: Vec<Entry> = reader.flat_map(Result::unwrap).collect();
        assert_eq!(entries.len(), 20_000);
        for (entry, number) in entries.iter().zip(0..) {
            assert_eq!((entry.line, entry.now.ms()), (number + 1, i64::try_from(number).unwrap() * 1_000));
        }
    }

    #[test]
    fn a_fault_comes_after_what_stands_before_it_and_ends_the_reading() {
        let text = format!("{}\n \r\nno sample\n{}", weights(0..3_000), weights(3_000..9_000));
        let mut reader = Reader::start(std::io::Cursor::new(text), names());
        let mut before = 0;
        let fault = loop {
            match reader.next().unwrap() {
                Ok(entries) => before += entries.len(),
                Err(fault) => break fault,
            }
        };
        assert_eq!((before, fault.line), (3_000, 3_003), "{fault}");
        assert!(reader.next().is_none());
    }

    #[test]
    fn a_reader_that_dies_is_not_the_end_of_the_samples() {
        struct Dies;
        impl Read for Dies {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                panic!("on purpose, in the reader's own thread")
            }
        }
        let fault = Reader::start(Dies, names()).next().unwrap().unwrap_err();
        assert!(fault.what.contains("unexpectedly"), "{fault}");
    }
}

//! A connection that is only kept while nothing went wrong with it.
//!
//! `SQLite` rolls a transaction back by itself on a full disk or an I/O error.
//! sqlx (0.9) does not notice: its own `Transaction` then refuses every later one on that connection.
//! So transactions are plain statements here, and a connection that did not reach its `COMMIT`, for whatever reason
//! (an error, a caller that stopped waiting), is closed, which rolls back, and replaced by the next call.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Mutex, MutexGuard};

use super::super::JournalError;
use super::place::Place;

/// One connection, used by one caller at a time in the order of asking.
#[derive(Debug)]
pub(super) struct Slot {
    options: SqliteConnectOptions,
    kept: Mutex<Option<SqliteConnection>>,
}

/// How a transaction begins.
#[derive(Clone, Copy)]
pub(super) enum Begin {
    /// Sees one moment of the database and holds nobody up.
    Reading,
    /// Alone from the first statement on.
    Writing,
}

/// A transaction; undone when dropped before [`Self::commit`].
pub(super) struct Transaction<'a> {
    kept: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
}

impl Slot {
    /// Connects at the first use.
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self { options, kept: Mutex::new(None) }
    }

    /// A new connection, whether or not one is kept.
    pub(super) async fn connect(&self, place: &Place) -> Result<SqliteConnection, JournalError> {
        let connected = self.options.connect().await;
        connected.map_err(|error| place.refused("open it", &error))
    }

    pub(super) async fn begin(&self, place: &Place, how: Begin) -> Result<Transaction<'_>, JournalError> {
        let mut kept = self.kept.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => self.connect(place).await?,
        };
        let statement = match how {
            Begin::Reading => "BEGIN",
            Begin::Writing => "BEGIN IMMEDIATE",
        };
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .map_err(|error| place.refused("begin a transaction", &error))?;
        Ok(Transaction { kept, connection })
    }

    /// Closes the connection and waits until it is closed.
    pub(super) async fn close(self, place: &Place) -> Result<(), JournalError> {
        match self.kept.into_inner() {
            Some(connection) => connection.close().await.map_err(|error| place.refused("close it", &error)),
            None => Ok(()),
        }
    }

    /// Lets a test set limits on the connection, or look at it.
    #[cfg(test)]
    pub(super) async fn reconnect(&mut self, options: SqliteConnectOptions) {
        *self.kept.lock().await = None;
        self.options = options;
    }

    #[cfg(test)]
    pub(super) fn options(&self) -> SqliteConnectOptions {
        self.options.clone()
    }
}

impl Transaction<'_> {
    /// What statements are executed on.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Makes it durable (`synchronous = FULL`) and keeps the connection for the next.
    pub(super) async fn commit(mut self, place: &Place) -> Result<(), JournalError> {
        sqlx::query("COMMIT")
            .execute(&mut self.connection)
            .await
            .map_err(|error| place.refused("commit", &error))?;
        *self.kept = Some(self.connection);
        Ok(())
    }
}

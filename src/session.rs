//! One client's conversation: statements in, outcomes out.
//!
//! A session holds settings and runs statements one after the other; each is its own transaction
//! unless BEGIN opened one.
//! What a statement does stands in the module of its family ([`crate::statement`]); this one only
//! leads there.
//! Invariant: when a statement fails, the database is as before it, and statements after it in the
//! same text do not run.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arena_tr_parser::ast;
use arena_tr_types::{Epoch, Value};

use crate::database::Database;
use crate::error::{Error, Result};
use crate::rows::Rows;
use crate::statement;
use crate::subscription::{Changes, Subscription};
use crate::transaction::Transaction;

/// A conversation with a database.
pub struct Session {
    pub(crate) db: Database,
    pub(crate) settings: statement::Settings,
    cancel: CancelHandle,
    transaction: Option<Transaction>,
}

/// Stops the statement that a session is running, from another thread.
#[derive(Debug, Clone, Default)]
pub struct CancelHandle {
    flag: Arc<AtomicBool>,
}

/// What a statement gave.
#[derive(Default)]
pub struct Outcome {
    /// What happened, in PostgreSQL's words: `SELECT 3`, `INSERT 0 1`, `CREATE TABLE`.
    pub tag: String,
    /// Rows, if the statement returns some.
    pub rows: Option<Rows>,
    /// Changes to follow, after SUBSCRIBE.
    pub subscription: Option<Subscription>,
    /// What the user should know.
    pub notices: Vec<String>,
    /// The epoch of the commit, if the statement made one.
    pub epoch: Option<Epoch>,
}

impl CancelHandle {
    /// Asks the running statement to stop. It fails with SQLSTATE 57014 within a batch.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    pub(crate) fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }
}

impl Outcome {
    /// An outcome with nothing but its tag.
    pub(crate) fn tag(tag: impl Into<String>) -> Self {
        Self { tag: tag.into(), ..Self::default() }
    }

    /// Rows with their tag.
    pub(crate) fn rows(verb: &str, rows: Rows) -> Self {
        Self { tag: format!("{verb} {}", rows.len()), rows: Some(rows), ..Self::default() }
    }
}

impl Session {
    pub(crate) fn new(db: Database) -> Self {
        let (settings, cancel) = (statement::Settings::default(), CancelHandle::default());
        Self { db, settings, cancel, transaction: None }
    }

    /// A handle that stops what this session runs.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// Whether a transaction is open: begun, and neither committed nor rolled back.
    ///
    /// ```
    /// # let mut session = arena_tr::Database::in_memory().session();
    /// session.execute("BEGIN")?;
    /// assert!(session.in_transaction());
    /// session.execute("COMMIT")?;
    /// assert!(!session.in_transaction());
    /// # Ok::<(), arena_tr::Error>(())
    /// ```
    pub fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// The database it talks to.
    pub fn database(&self) -> Database {
        self.db.clone()
    }

    /// Number of columns that a query would return.
    ///
    /// # Errors
    /// When the text is not a query or is wrong.
    pub fn columns_of(&self, query: &str) -> Result<usize> {
        let (plan, _) = self.db.internals().logical_plan(query)?;
        Ok(plan.schema.len())
    }

    /// Runs all statements of a text and gives what each gave.
    ///
    /// # Errors
    /// The first statement's that fails; the ones before it have taken effect, the ones after it do
    /// not run.
    pub fn execute(&mut self, sql: &str) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        self.run(sql, &mut |outcome| outcomes.push(outcome))?;
        Ok(outcomes)
    }

    /// The same, handing over each outcome as it is there.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub fn run(&mut self, sql: &str, each: &mut dyn FnMut(Outcome)) -> Result<()> {
        self.cancel.flag().store(false, Ordering::Relaxed);
        let statements = self.parsed(sql, arena_tr_parser::parse(sql))?;
        for statement in &statements {
            let outcome = self.one(sql, statement, &[], None);
            each(outcome.map_err(|e| e.in_statement(sql))?);
        }
        Ok(())
    }

    /// Runs one statement that returns rows, with values for `$1`, `$2`, ...
    ///
    /// ```
    /// # use arena_tr::{Database, Value};
    /// let rows = Database::in_memory().session().query("SELECT $1 + 1", &[Value::Int4(41)])?;
    /// assert_eq!(rows.to_vec(), vec![vec![Value::Int4(42)]]);
    /// # Ok::<(), arena_tr::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the statement fails or returns no rows.
    pub fn query(&mut self, sql: &str, params: &[Value]) -> Result<Rows> {
        let outcome = self.execute_with(sql, params)?;
        outcome.rows.ok_or_else(|| {
            let state = arena_tr_types::SqlState::WRONG_OBJECT_TYPE;
            Error::new(state, format!("the statement returns no rows: {}", outcome.tag))
        })
    }

    /// Runs one statement with values for `$1`, `$2`, ...
    ///
    /// # Errors
    /// When it fails, or the text is not exactly one statement.
    pub fn execute_with(&mut self, sql: &str, params: &[Value]) -> Result<Outcome> {
        self.cancel.flag().store(false, Ordering::Relaxed);
        let statement = self.parsed(sql, arena_tr_parser::parse_one(sql))?;
        self.one(sql, &statement, params, None).map_err(|e| e.in_statement(sql))
    }

    /// Runs `COPY ... FROM STDIN` with these bytes as standard input.
    ///
    /// ```
    /// # let mut session = arena_tr::Database::in_memory().session();
    /// # let _ = session.execute("CREATE TABLE t (a INT)")?;
    /// // A connector `file`, as arena-tr-connectors has it, reads the formats.
    /// assert!(session.copy_in("COPY t FROM STDIN", b"1\n2\n").is_err());
    /// # Ok::<(), arena_tr::Error>(())
    /// ```
    ///
    /// # Errors
    /// When it fails, or the text is not exactly one statement.
    pub fn copy_in(&mut self, sql: &str, input: &[u8]) -> Result<Outcome> {
        self.cancel.flag().store(false, Ordering::Relaxed);
        let statement = self.parsed(sql, arena_tr_parser::parse_one(sql))?;
        self.one(sql, &statement, &[], Some(input)).map_err(|e| e.in_statement(sql))
    }

    /// Follows a query: `callback` gets its contents now, if there are any, and every change of it
    /// from then on. It runs inside the commit, on the committing thread: what it takes, the commit
    /// takes. A query that is not a relation's whole contents gets a program of its own, which
    /// keeps no contents.
    ///
    /// ```
    /// # use arena_tr::{Database, Value};
    /// let db = Database::in_memory();
    /// let mut session = db.session();
    /// session.execute("CREATE STREAM trades (symbol TEXT, price BIGINT)")?;
    /// let (alert, alerts) = std::sync::mpsc::channel();
    /// session.subscribe_with(
    ///     "SELECT symbol, max(price) AS top FROM trades GROUP BY symbol HAVING max(price) > $1",
    ///     &[Value::Int8(100)],
    ///     move |changes| alert.send(changes.rows()).expect("the receiver lives"),
    /// )?;
    /// session.execute("INSERT INTO trades VALUES ('X', 99), ('Y', 101)")?;
    /// assert_eq!(alerts.recv()?, vec![(vec![Value::Text("Y".into()), Value::Int8(101)], 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the text is not exactly one query, or the query cannot stand.
    pub fn subscribe_with(
        &mut self,
        query: &str,
        params: &[Value],
        callback: impl FnMut(&Changes) + Send + 'static,
    ) -> Result<Outcome> {
        let statement = self.parsed(query, arena_tr_parser::parse_one(query))?;
        let ast::StatementKind::Query(ast) = &statement.kind else {
            let state = arena_tr_types::SqlState::WRONG_OBJECT_TYPE;
            let error = Error::new(state, "only a query can be followed");
            return Err(error.at(statement.span).in_statement(query));
        };
        if self.transaction.is_some() {
            return Err(Error::unsupported("SUBSCRIBE in a transaction").in_statement(query));
        }
        let cx = statement::Context {
            db: &self.db,
            sql: query,
            params,
            cancel: &self.cancel,
            input: None,
            block: &RefCell::new(None),
        };
        statement::subscribe::call_back(&cx, ast, Box::new(callback))
            .map_err(|e| e.in_statement(query))
    }

    /// A text that was parsed; one that is wrong fails the transaction too.
    fn parsed<T>(
        &mut self,
        sql: &str,
        parsed: std::result::Result<T, arena_tr_parser::ParseError>,
    ) -> Result<T> {
        if let (Err(_), Some(transaction)) = (&parsed, &mut self.transaction) {
            transaction.fail();
        }
        parsed.map_err(|e| Error::from(e).in_statement(sql))
    }

    fn one(
        &mut self,
        sql: &str,
        statement: &ast::Statement,
        params: &[Value],
        input: Option<&[u8]>,
    ) -> Result<Outcome> {
        let text = &sql[statement.span.start as usize..statement.span.end as usize];
        let cancel = self.cancel.clone();
        let block = RefCell::new(self.transaction.take());
        let cx = statement::Context {
            db: &self.db,
            sql: text,
            params,
            cancel: &cancel,
            input,
            block: &block,
        };
        let outcome = statement::run(&cx, &mut self.settings, &statement.kind);
        self.transaction = block.into_inner();
        if let (Err(_), Some(transaction)) = (&outcome, &mut self.transaction) {
            transaction.fail();
        }
        // What it did and what it saw, an error included, is durable before anybody is told.
        let own = outcome.as_ref().ok().and_then(|outcome| outcome.epoch);
        self.db.settle(self.settings.durability(), own)?;
        outcome
    }
}

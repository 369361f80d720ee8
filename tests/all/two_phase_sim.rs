//! A coordinator and two or three databases that lose power at named points of the protocol and
//! talk over a network that loses, doubles and delays: nobody decides differently.
//!
//! Everything follows from a seed. Each run makes a few transfers of money between the databases,
//! one of them with a crash at a point; then all are started again, the network heals, late
//! messages arrive, and the coordinator recovers. A transfer leaves a row in every database, so
//! that it shows which of them committed it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arena_tr::disk::{Crash, FaultDisk, FaultPlan};
use arena_tr::{Database, Error, LogIo, Options, Participant, Random, Session, SqlState, TwoPhase};
use arena_tr_testkit::rng::Rng;

use crate::durability::options;
use crate::two_phase_points::{Moment, Op, Point, Points, Which, points};

type Result<T> = std::result::Result<T, Error>;

/// Numbers that nobody guesses, the same in every run.
struct Numbers(AtomicU64);

impl Random for Numbers {
    fn next_u64(&self) -> u64 {
        self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }
}

fn options_of(disk: &FaultDisk, seed: u64) -> Options {
    let random = Arc::new(Numbers(AtomicU64::new(seed)));
    Options { random, ..options(Arc::new(disk.clone()), LogIo::File) }
}

/// A database and the machine it is on.
struct Node {
    disk: FaultDisk,
    db: Option<Database>,
    /// The open part of a transfer.
    work: Option<(u64, Session)>,
}

struct Message {
    node: usize,
    op: Op,
    gid: String,
    transfer: u64,
}

#[derive(Debug, Default)]
struct Figures {
    transfers: u64,
    committed: u64,
    lost: u64,
    doubled: u64,
    delayed: u64,
    unanswered: u64,
    crashes: u64,
    points: BTreeMap<Points, u64>,
    refused: u64,
}

struct World {
    seed: u64,
    rng: Rng,
    nodes: Vec<Node>,
    coordinator: FaultDisk,
    late: Vec<Message>,
    /// Where power goes next.
    armed: Option<Point>,
    bad_network: bool,
    figures: Figures,
    crashes: u64,
}

fn no_answer() -> Error {
    Error::new(SqlState::IO_ERROR, "no answer")
}

impl World {
    /// Whether this is the armed point; it is not any more then.
    fn hit(&mut self, point: Point) -> bool {
        let hit = self.armed == Some(point);
        if hit {
            self.armed = None;
            self.figures.crashes += 1;
        }
        hit
    }

    fn which(&self, node: usize) -> Which {
        if node == 0 {
            Which::First
        } else if node + 1 == self.nodes.len() {
            Which::Last
        } else {
            // The one in the middle is no point of its own.
            Which::First
        }
    }

    fn start(&mut self, node: usize) {
        let seed = self.seed * 31 + node as u64 + self.crashes * 1000;
        let Node { disk, db, .. } = &mut self.nodes[node];
        if db.is_none() {
            let opened = Database::open_with("/db", options_of(disk, seed));
            *db = Some(opened.unwrap_or_else(|e| panic!("seed {}: {}", self.seed, e.render())));
        }
    }

    /// The power of a participant goes.
    fn kill(&mut self, node: usize) {
        self.crashes += 1;
        let crash = *self.rng.pick(&[Crash::Nothing, Crash::All, Crash::Random, Crash::Torn]);
        let seed = self.rng.next_u64();
        let node = &mut self.nodes[node];
        node.disk.crash_now();
        (node.work, node.db) = (None, None);
        node.disk = node.disk.after_crash_with(crash, seed);
    }

    /// What a participant does when a message arrives.
    fn deliver(&mut self, message: &Message) -> Result<Vec<String>> {
        let Message { node, op, .. } = *message;
        let which = self.which(node);
        if self.nodes[node].db.is_none() {
            return Err(no_answer());
        }
        if self.hit(Point::Participant(op, Moment::Before, which)) {
            self.kill(node);
            return Err(no_answer());
        }
        if self.hit(Point::Participant(op, Moment::During, which)) {
            let disk = &self.nodes[node].disk;
            let crash_at = Some(disk.ops() + self.rng.below(3));
            disk.set_plan(FaultPlan { crash_at, ..FaultPlan::default() });
            let _ = self.execute(message);
            self.kill(node);
            return Err(no_answer());
        }
        let answer = self.execute(message);
        if self.hit(Point::Participant(op, Moment::After, which)) {
            self.kill(node);
            return Err(no_answer());
        }
        answer
    }

    fn execute(&mut self, message: &Message) -> Result<Vec<String>> {
        let Message { node, op, gid, transfer } = message;
        let Node { db, work, .. } = &mut self.nodes[*node];
        let db = db.as_mut().ok_or_else(no_answer)?;
        // A message about another transfer does not touch the one that is open.
        let open = work.take_if(|(open, _)| open == transfer).map(|(_, session)| session);
        match (op, open) {
            (Op::Prepare, Some(mut session)) => session.prepare(gid)?,
            (Op::Prepare, None) => db.prepare(gid)?,
            (Op::Commit, _) => db.commit(gid)?,
            (Op::RollBack, Some(mut session)) => session.roll_back(gid)?,
            (Op::RollBack, None) => db.roll_back(gid)?,
            (Op::List, open) => {
                *work = open.map(|session| (*transfer, session));
                return db.prepared();
            }
        }
        Ok(Vec::new())
    }

    /// A message that was delayed arrives.
    fn arrive(&mut self) {
        if !self.late.is_empty() {
            let i = self.rng.below(self.late.len() as u64) as usize;
            let message = self.late.swap_remove(i);
            let _ = self.deliver(&message);
        }
    }

    fn send(&mut self, message: Message) -> Result<Vec<String>> {
        if self.coordinator.is_crashed() {
            return Err(no_answer());
        }
        let (op, which) = (message.op, self.which(message.node));
        if self.hit(Point::Coordinator(op, Moment::Before, which)) {
            self.coordinator.crash_now();
            return Err(no_answer());
        }
        let answer = self.transmit(message);
        if self.hit(Point::Coordinator(op, Moment::After, which)) {
            self.coordinator.crash_now();
            return Err(no_answer());
        }
        answer
    }

    fn transmit(&mut self, message: Message) -> Result<Vec<String>> {
        if !self.bad_network {
            return self.deliver(&message);
        }
        if self.rng.one_in(3) {
            self.arrive();
        }
        match self.rng.below(20) {
            0 => {
                self.figures.lost += 1;
                Err(no_answer())
            }
            1 => {
                self.figures.delayed += 1;
                self.late.push(message);
                Err(no_answer())
            }
            2 => {
                self.figures.unanswered += 1;
                let _ = self.deliver(&message);
                Err(no_answer())
            }
            3 | 4 => {
                self.figures.doubled += 1;
                let answer = self.deliver(&message);
                self.late.push(message);
                answer
            }
            _ => self.deliver(&message),
        }
    }
}

/// A participant as the coordinator sees it.
struct Remote {
    world: Rc<RefCell<World>>,
    node: usize,
    n_nodes: usize,
    transfer: u64,
}

impl Remote {
    fn ask(&self, op: Op, gid: &str) -> Result<Vec<String>> {
        let Self { node, transfer, .. } = *self;
        self.world.borrow_mut().send(Message { node, op, gid: gid.to_owned(), transfer })
    }

    /// Power goes at an operation of the coordinator's disk from now on.
    fn cut_off(&self, is_point: impl Fn(Point) -> Option<u64>) {
        let mut world = self.world.borrow_mut();
        if let Some((point, n)) = world.armed.and_then(|point| Some((point, is_point(point)?))) {
            world.hit(point);
            let crash_at = Some(world.coordinator.ops() + n);
            world.coordinator.set_plan(FaultPlan { crash_at, ..FaultPlan::default() });
        }
    }
}

impl Participant for Remote {
    fn name(&self) -> String {
        format!("db{}", self.node)
    }

    fn prepare(&mut self, gid: &str) -> Result<()> {
        let answer = self.ask(Op::Prepare, gid);
        if self.node + 1 == self.n_nodes && answer.is_ok() {
            self.cut_off(|point| match point {
                Point::Deciding(n) => Some(n),
                _ => None,
            });
        }
        answer.map(drop)
    }

    fn commit(&mut self, gid: &str) -> Result<()> {
        let answer = self.ask(Op::Commit, gid);
        if self.node + 1 == self.n_nodes && answer.is_ok() {
            self.cut_off(|point| match point {
                Point::Forgetting(n) => Some(n),
                _ => None,
            });
        }
        answer.map(drop)
    }

    fn roll_back(&mut self, gid: &str) -> Result<()> {
        self.ask(Op::RollBack, gid).map(drop)
    }

    fn prepared(&mut self) -> Result<Vec<String>> {
        self.ask(Op::List, "")
    }
}

/// A run of one seed.
struct Run {
    world: Rc<RefCell<World>>,
    coordinator: Option<TwoPhase>,
    /// What the coordinator said of transfers.
    said: BTreeMap<u64, bool>,
    opened: u64,
}

const MONEY: i64 = 300;

impl Run {
    fn new(seed: u64, n: usize, figures: Figures) -> Self {
        let node = |_| Node { disk: FaultDisk::default(), db: None, work: None };
        let world = World {
            seed,
            rng: Rng::new(seed),
            nodes: (0..n).map(node).collect(),
            coordinator: FaultDisk::default(),
            late: Vec::new(),
            armed: None,
            bad_network: false,
            figures,
            crashes: 0,
        };
        let world = Rc::new(RefCell::new(world));
        let mut run = Self { world, coordinator: None, said: BTreeMap::new(), opened: 0 };
        for i in 0..n {
            let mut world = run.world.borrow_mut();
            world.start(i);
            let db = world.nodes[i].db.as_ref().expect("it was started");
            let tables = "CREATE TABLE account (id INT PRIMARY KEY, money BIGINT);
                CREATE TABLE done (transfer BIGINT PRIMARY KEY);
                INSERT INTO account VALUES (1, 100), (2, 100), (3, 100)";
            db.session().execute(tables).expect("room");
        }
        run.open();
        run
    }

    /// Opens the coordinator, as often as it takes.
    fn open(&mut self) {
        while self.coordinator.is_none() {
            self.opened += 1;
            let mut world = self.world.borrow_mut();
            if world.coordinator.is_crashed() {
                let crash = *world.rng.pick(&[Crash::Nothing, Crash::Random, Crash::Torn]);
                let seed = world.rng.next_u64();
                world.coordinator = world.coordinator.after_crash_with(crash, seed);
            }
            if let Some(Point::Opening(n)) = world.armed {
                world.hit(Point::Opening(n));
                let crash_at = Some(world.coordinator.ops() + n);
                world.coordinator.set_plan(FaultPlan { crash_at, ..FaultPlan::default() });
            }
            let options = options_of(&world.coordinator, world.seed ^ self.opened << 32);
            match TwoPhase::open_with("/decisions", &options) {
                Ok(coordinator) => self.coordinator = Some(coordinator),
                Err(error) => {
                    let crashed = world.coordinator.is_crashed();
                    assert!(crashed, "seed {}: {}", world.seed, error.render());
                }
            }
        }
    }

    fn remotes(&self, transfer: u64) -> Vec<Remote> {
        let n_nodes = self.world.borrow().nodes.len();
        let remote = |node| Remote { world: Rc::clone(&self.world), node, n_nodes, transfer };
        (0..n_nodes).map(remote).collect()
    }

    /// Gives up a coordinator whose power is gone.
    fn mourn(&mut self) {
        if self.world.borrow().coordinator.is_crashed() {
            self.coordinator = None;
            self.open();
        }
    }

    /// Money goes from one database to the others.
    fn transfer(&mut self, transfer: u64, armed: Option<Point>) {
        let begun = self.begin(transfer, armed);
        let mut remotes = self.remotes(transfer);
        let mut participants: Vec<&mut dyn Participant> =
            remotes.iter_mut().map(|remote| remote as &mut dyn Participant).collect();
        let coordinator = self.coordinator.as_ref().expect("it is open");
        let ended = coordinator.commit(&mut participants);
        let mut world = self.world.borrow_mut();
        world.figures.transfers += 1;
        let alive = !world.coordinator.is_crashed();
        match ended {
            Ok(_) => {
                assert!(begun, "seed {}: part of it was never done", world.seed);
                world.figures.committed += 1;
                // A dead coordinator says nothing, but its log was durable.
                self.said.insert(transfer, true);
            }
            Err(error) if alive => {
                assert_ne!(error.state().0, "08007", "{error}");
                self.said.insert(transfer, false);
            }
            Err(_) => {}
        }
    }

    /// Does the parts of a transfer; whether all could be done.
    fn begin(&mut self, transfer: u64, armed: Option<Point>) -> bool {
        let mut world = self.world.borrow_mut();
        world.armed = armed;
        let n = world.nodes.len();
        let amount = world.rng.below(20) as i64;
        let refuses = match armed {
            // Somebody has to refuse, or there is nothing to be rolled back.
            Some(Point::Coordinator(Op::RollBack, ..) | Point::Participant(Op::RollBack, ..)) => {
                Some(n - 1)
            }
            _ => None,
        };
        let mut all = true;
        for i in 0..n {
            let id = 1 + world.rng.below(3);
            let change = if i == 0 { -amount * (n as i64 - 1) } else { amount };
            if world.rng.one_in(2) || armed.is_some() {
                world.start(i);
            }
            let Node { db, work, .. } = &mut world.nodes[i];
            *work = None;
            let Some(db) = db.as_ref().filter(|_| refuses != Some(i)) else {
                all = false;
                continue;
            };
            let mut session = db.session();
            let sql = format!(
                "BEGIN; INSERT INTO done VALUES ({transfer});
                 UPDATE account SET money = money + {change} WHERE id = {id}"
            );
            match session.execute(&sql) {
                Ok(_) => *work = Some((transfer, session)),
                Err(error) => {
                    // An account of a transfer in doubt.
                    assert_eq!(error.state().0, "40001", "{error}");
                    world.figures.refused += 1;
                    all = false;
                }
            }
        }
        all
    }

    fn recover(&mut self) -> bool {
        let mut remotes = self.remotes(u64::MAX);
        let mut participants: Vec<&mut dyn Participant> =
            remotes.iter_mut().map(|remote| remote as &mut dyn Participant).collect();
        let coordinator = self.coordinator.as_ref().expect("it is open");
        let complete = coordinator.recover(&mut participants).is_complete();
        complete && !self.world.borrow().coordinator.is_crashed()
    }

    /// Everybody is started again, the network works, and the coordinator recovers.
    fn heal(&mut self) {
        self.mourn();
        for round in 0.. {
            assert!(round < 10, "seed {}: it never ends", self.world.borrow().seed);
            let mut world = self.world.borrow_mut();
            world.bad_network = false;
            for i in 0..world.nodes.len() {
                world.start(i);
            }
            // Half of what is late comes after recovering.
            let late = world.late.len().div_ceil(2);
            (0..late).for_each(|_| world.arrive());
            let (left, alive) = (world.late.len(), world.nodes.iter().all(|n| n.db.is_some()));
            drop(world);
            if self.recover() && left == 0 && alive && round > 0 {
                return;
            }
            self.mourn();
        }
    }

    /// What is wrong at the end: decisions that differ, gids in doubt, and money that is missing.
    fn check(&mut self) {
        let world = self.world.borrow();
        let seed = world.seed;
        let mut total = 0;
        let mut done: Vec<BTreeSet<u64>> = Vec::new();
        for node in &world.nodes {
            let mut session = node.db.as_ref().expect("it is started").session();
            let mut numbers = |sql: &str| {
                let rows = session.query(sql, &[]).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
                rows.to_vec().iter().filter_map(|row| row[0].as_i64()).collect::<Vec<_>>()
            };
            assert_eq!(numbers("SELECT 1 FROM arena.prepared_transactions"), [0; 0], "seed {seed}");
            total += numbers("SELECT sum(money)::BIGINT FROM account")[0];
            done.push(numbers("SELECT transfer FROM done").iter().map(|n| *n as u64).collect());
        }
        assert!(done.iter().all(|d| *d == done[0]), "seed {seed}: decisions differ: {done:?}");
        assert_eq!(total, MONEY * world.nodes.len() as i64, "seed {seed}: money");
        for (transfer, committed) in &self.said {
            let found = done[0].contains(transfer);
            assert_eq!(found, *committed, "seed {seed}: transfer {transfer} was told otherwise");
        }
    }
}

/// Runs one seed.
fn simulate(seed: u64, points: Points, n: usize, figures: Figures) -> Figures {
    let mut run = Run::new(seed, n, figures);
    let (first, second) = points;
    for transfer in 0..4 {
        let aimed = transfer == 1;
        // Noise would be in the way of the point that is to be tried.
        let noisy = !seed.is_multiple_of(3) && !aimed;
        run.world.borrow_mut().bad_network = noisy;
        run.transfer(transfer, first.filter(|_| aimed));
        if aimed {
            let mut world = run.world.borrow_mut();
            let hit = first.is_none() || world.armed.is_none();
            world.armed = second.filter(|_| hit);
            for i in 0..n {
                world.start(i);
            }
            drop(world);
            run.mourn();
            run.recover();
            let mut world = run.world.borrow_mut();
            if hit && world.armed.is_none() {
                *world.figures.points.entry(points).or_default() += 1;
            }
            world.armed = None;
        } else if run.world.borrow_mut().rng.one_in(3) {
            run.recover();
        }
        run.mourn();
        let mut world = run.world.borrow_mut();
        if world.rng.one_in(6) {
            let i = world.rng.below(n as u64) as usize;
            if let Some(db) = &world.nodes[i].db {
                db.checkpoint().expect("room");
            }
        }
    }
    run.heal();
    run.check();
    let world = &mut *run.world.borrow_mut();
    std::mem::take(&mut world.figures)
}

#[test]
fn nobody_decides_differently() {
    let release = std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some();
    let seeds = if release { 10_000 } else { 1_000 };
    let points = points();
    let mut figures = Figures::default();
    for seed in 0..seeds {
        let i = seed as usize;
        let n = 2 + i / points.len() % 2;
        figures = simulate(seed, points[i % points.len()], n, figures);
    }
    let Figures { transfers, committed, lost, doubled, delayed, unanswered, refused, .. } = figures;
    let (crashes, hit) = (figures.crashes, figures.points.len());
    println!(
        "{seeds} seeds: {transfers} transfers, {committed} committed, {refused} parts refused; \
         {crashes} crashes at {hit} points; messages: {lost} lost, {doubled} doubled, {delayed} \
         delayed, {unanswered} unanswered; 0 decisions differ, 0 in doubt, 0 money lost"
    );
    let missed: Vec<_> = points.iter().filter(|p| !figures.points.contains_key(p)).collect();
    assert!(missed.is_empty(), "points where nobody lost power: {missed:?}");
    assert!(hit >= 24 && committed > seeds && committed < transfers);
}

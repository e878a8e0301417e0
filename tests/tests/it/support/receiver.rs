//! A receiver that remembers what it got byte for byte and answers what it is told.

use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use super::PATIENCE;
use super::http::{body, head_line, headers};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// This status, these header lines (each `name: value`), this body.
    With(u16, Vec<&'static str>, Vec<u8>),
    /// These chunks; after each one the receiver waits until [`Receiver::go_on`] is called.
    Stepwise(Vec<&'static str>),
    /// Nothing, until the receiver is dropped.
    Stall,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self::With(status, Vec::new(), Vec::new())
    }
}

/// Decides by the request and its number, counted from 1.
type Behaviour = dyn Fn(usize, &Received) -> Answer + Send + Sync;

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    behaviour: Box<Behaviour>,
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    steps: usize,
}

impl Receiver {
    /// Answers 200 to everything.
    pub(crate) fn start() -> Self {
        Self::answering(|_, _| Answer::status(200))
    }

    /// Answers `status` to the first `times` requests and 200 to the rest.
    pub(crate) fn failing(times: usize, status: u16) -> Self {
        Self::answering(move |number, _| Answer::status(if number <= times { status } else { 200 }))
    }

    pub(crate) fn answering(
        behaviour: impl Fn(usize, &Received) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            behaviour: Box::new(behaviour),
            state: Mutex::default(),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                // A connection that ends early ends its thread; nothing else.
                thread::spawn(move || stream.and_then(|stream| shared.serve(&stream)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until `count` requests have arrived and returns all that have.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Received> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.state.lock().unwrap();
        while state.received.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{} requests arrived, not {count}",
                state.received.len()
            );
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
        state.received.clone()
    }

    /// What has arrived so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.state.lock().unwrap().received.clone()
    }

    /// Lets a stepwise answer take one more step.
    pub(crate) fn go_on(&self) {
        self.shared.state.lock().unwrap().steps += 1;
        self.shared.changed.notify_all();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.changed.notify_all();
        // Wakes the accepting thread so that it sees the flag.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, mut stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let line = head_line(&mut reader)?;
            let mut words = line.split(' ').map(str::to_owned);
            let (method, target) = (
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
            );
            let headers = headers(&mut reader)?;
            let body = body(&mut reader, &headers, 0)?;
            let request = Received {
                method,
                target,
                headers,
                body,
            };
            let number = {
                let mut state = self.state.lock().unwrap();
                state.received.push(request.clone());
                state.received.len()
            };
            self.changed.notify_all();
            match (self.behaviour)(number, &request) {
                Answer::With(status, lines, body) => {
                    let mut head = format!(
                        "HTTP/1.1 {status} Told\r\nContent-Length: {}\r\n",
                        body.len()
                    );
                    for line in lines {
                        head.push_str(line);
                        head.push_str("\r\n");
                    }
                    head.push_str("\r\n");
                    stream.write_all(&[head.as_bytes(), &body].concat())?;
                }
                Answer::Stepwise(chunks) => {
                    stream.write_all(b"HTTP/1.1 200 Told\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                    for (done, chunk) in chunks.iter().enumerate() {
                        stream.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes())?;
                        self.wait_until(|state| state.steps > done);
                    }
                    stream.write_all(b"0\r\n\r\n")?;
                }
                Answer::Stall => self.wait_until(|_| false),
            }
        }
    }

    fn wait_until(&self, done: impl Fn(&State) -> bool) {
        let mut state = self.state.lock().unwrap();
        while !done(&state) && !self.stopped.load(Ordering::SeqCst) {
            state = self.changed.wait_timeout(state, PATIENCE).unwrap().0;
        }
    }
}

impl Received {
    /// The value of a header that is there at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.header_lines(name);
        assert!(
            values.len() <= 1,
            "{name} arrived {} times: {values:?}",
            values.len()
        );
        values.first().copied()
    }

    /// Every value of a header, in order of arrival.
    pub(crate) fn header_lines(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn header_names(&self) -> Vec<String> {
        self.headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect()
    }
}

/// An address that nothing listens on, and that nobody else is given meanwhile: its host is this process's own.
pub(crate) fn refused_address() -> SocketAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    TcpListener::bind((Ipv4Addr::new(127, high | 128, middle, low), 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}

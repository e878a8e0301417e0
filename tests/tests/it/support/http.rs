//! A sender that writes what it is told, malformed or not, and reads one answer.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// A request to be written byte for byte.
#[derive(Clone)]
pub(crate) struct Request {
    head: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    length: bool,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            head: format!("{method} {target} HTTP/1.1"),
            headers: vec![("Host".to_owned(), "hooks.example.com".to_owned())],
            body: Vec::new(),
            length: true,
        }
    }

    pub(crate) fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Another name than the ingress's public one: the admin listener answers to its own only.
    pub(crate) fn host(mut self, name: &str) -> Self {
        name.clone_into(&mut self.headers[0].1);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the body in chunks of `size`, so that its length is not declared.
    pub(crate) fn chunked(mut self, size: usize) -> Self {
        let mut chunks = Vec::new();
        for chunk in self.body.chunks(size) {
            chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunks.extend_from_slice(chunk);
            chunks.extend_from_slice(b"\r\n");
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        self.body = chunks;
        self.length = false;
        self.header("Transfer-Encoding", "chunked")
    }

    /// Sends the head as it is, without a `Content-Length` of ours.
    pub(crate) fn undeclared(mut self) -> Self {
        self.length = false;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.head);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.length && (!self.body.is_empty() || self.head.starts_with('P')) {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it on a connection of its own and reads the answer.
    pub(crate) fn send(&self, to: SocketAddr) -> Reply {
        self.try_send(to).expect("an answer")
    }

    pub(crate) fn try_send(&self, to: SocketAddr) -> io::Result<Reply> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // A server that refuses early may close before all is written; its answer still counts.
        let written = stream.write_all(&self.bytes());
        let bodiless = self.head.starts_with("HEAD ");
        read(&mut stream, bodiless).map_err(|error| written.err().unwrap_or(error))
    }
}

impl Reply {
    /// The value of a header that is there at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let first = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice");
        first
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("the gateway accepts connections");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads one whole answer; what follows it stays unread only as far as nothing was sent after it.
pub(crate) fn read_reply(stream: &mut TcpStream) -> io::Result<Reply> {
    read(stream, false)
}

/// The same; an answer to HEAD has no body, whatever its length says.
fn read(stream: &mut TcpStream, bodiless: bool) -> io::Result<Reply> {
    let mut reader = BufReader::new(stream);
    loop {
        let line = head_line(&mut reader)?;
        let status: u16 = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::Error::other(format!("not a status line: {line:?}")))?;
        let headers = headers(&mut reader)?;
        if status == 100 {
            continue;
        }
        let body = match bodiless {
            true => Vec::new(),
            false => body(&mut reader, &headers, status)?,
        };
        return Ok(Reply {
            status,
            headers,
            body,
        });
    }
}

pub(super) fn headers(reader: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = head_line(reader)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| io::Error::other(format!("not a header line: {line:?}")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// A body by its declared length, its chunks, or (`status` not 0: an answer) the end of the connection.
pub(super) fn body(
    reader: &mut impl BufRead,
    headers: &[(String, String)],
    status: u16,
) -> io::Result<Vec<u8>> {
    let find = |wanted: &str| {
        headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, v)| v)
    };
    let mut body = Vec::new();
    if matches!(status, 204 | 304) {
    } else if find("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let line = head_line(reader)?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk)?;
            body.append(&mut chunk);
            head_line(reader)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = find("content-length") {
        body.resize(length.parse().map_err(io::Error::other)?, 0);
        reader.read_exact(&mut body)?;
    } else if status != 0 {
        reader.read_to_end(&mut body)?;
    }
    Ok(body)
}

pub(super) fn head_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "closed in the middle of a head",
        ));
    }
    line.pop_if(|last| *last == b'\r');
    String::from_utf8(line).map_err(io::Error::other)
}

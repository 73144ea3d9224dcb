//! Whether something answers at a port.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Whether a server accepts connections there.
pub(crate) fn accepts(port: u16) -> bool {
    connect(port).is_some()
}

/// Whether any process listens there, at whatever address of this machine.
pub(crate) fn is_taken(port: u16) -> bool {
    let everywhere: [SocketAddr; 2] = [([0; 4], port).into(), ([0; 16], port).into()];
    // Other errors tell of something else, such as a machine without IPv6.
    everywhere.iter().any(|address| TcpListener::bind(address).is_err_and(|e| e.kind() == ErrorKind::AddrInUse))
}

/// How many task managers the job manager with this port for HTTP knows.
pub(crate) fn task_managers(port: u16) -> Option<usize> {
    let mut stream = connect(port)?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET /overview HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, rest) = answer.split_once("\"taskmanagers\":")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Servers of Java may listen at the one or the other address only.
fn connect(port: u16) -> Option<TcpStream> {
    let addresses: [SocketAddr; 2] = [([127, 0, 0, 1], port).into(), ([0, 0, 0, 0, 0, 0, 0, 1], port).into()];
    addresses.iter().find_map(|address| TcpStream::connect_timeout(address, Duration::from_secs(5)).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_while_something_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_taken(port));
        // That it is free afterwards cannot be tested: a test beside this one may have got it.
        assert!(accepts(port));
    }

    #[test]
    fn task_managers_are_counted_by_the_job_manager() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 24];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(&request, b"GET /overview HTTP/1.1\r\n");
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"taskmanagers\":12,\"slots-total\":4}").unwrap();
            // Else the rest of the request, unread, would make this a reset.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        });
        assert_eq!(task_managers(port), Some(12));
        server.join().unwrap();
    }
}

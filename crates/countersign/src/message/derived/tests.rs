use super::*;

#[test]
fn the_checksum_is_the_usual_one() {
    assert_eq!(crc32(b""), 0);
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
}

#[test]
fn a_query_is_escaped_twice_and_a_path_once() {
    for (target, text) in [
        ("/api/resources/1", "/api/resources/1"),
        ("/a b", "/a%20b"),
        ("/a%20b?q=1&w=2", "/a%2520b?q%253D1%2526w%253D2"),
    ] {
        assert_eq!(escaped(target).as_deref(), Ok(text));
    }
    for unsigned in ["/a?", "/a??b", "/a?b?c"] {
        assert_eq!(escaped(unsigned), Err(Reason::MalformedUrl), "{unsigned}");
    }
}

#[test]
fn a_port_is_written_out_or_left_out() {
    for (base, with, without) in [
        (
            "https://a.example",
            "https://a.example:443/x",
            "https://a.example/x",
        ),
        (
            "http://a.example",
            "http://a.example:80/x",
            "http://a.example/x",
        ),
        (
            "https://a.example:1234/in",
            "https://a.example:1234/in/x",
            "https://a.example/in/x",
        ),
        (
            "https://u:p@a.example",
            "https://u:p@a.example:443/x",
            "https://u:p@a.example/x",
        ),
        ("https://[::1]", "https://[::1]:443/x", "https://[::1]/x"),
        ("https://[::1]:8", "https://[::1]:8/x", "https://[::1]/x"),
    ] {
        assert_eq!(with_port(base, Port::Written, "/x"), with.as_bytes());
        assert_eq!(with_port(base, Port::Left, "/x"), without.as_bytes());
    }
}

use super::*;

fn refused(bytes: &[u8]) -> String {
    PickleReader::read(bytes).unwrap_err().to_string()
}

#[test]
fn values_are_read() {
    // {"a": (1, -2, 70000), "b": [None, True], "c": 1 << 70}, protocol 4.
    let bytes = b"\x80\x04\x95\x2e\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94K\x01J\xfe\xff\
        \xff\xffJp\x11\x01\x00\x87\x94\x8c\x01b\x94]\x94(N\x88e\x8c\x01c\x94\x8a\x09\x00\x00\
        \x00\x00\x00\x00\x00\x00\x40u.rest";
    let pickle = PickleReader::read(bytes).unwrap();
    assert_eq!(pickle.len(), bytes.len() - 4);
    let dict = pickle.dict(pickle.root()).unwrap();
    assert_eq!(pickle.text(dict[0].0), Some("a"));
    let ints: Vec<_> = pickle
        .tuple(dict[0].1)
        .unwrap()
        .iter()
        .map(|&i| pickle.int(i))
        .collect();
    assert_eq!(ints, [Some(1), Some(-2), Some(70000)]);
    assert_eq!(pickle.sizes(dict[0].1), None, "sizes are not below 0");
    let list = pickle.list(dict[1].1).unwrap();
    assert_eq!(
        (pickle.get(list[0]), pickle.int(list[1])),
        (&PickleObject::Nothing, Some(1))
    );
    assert_eq!(pickle.get(dict[2].1), &PickleObject::Number);
}

#[test]
fn a_call_is_noted_and_not_made() {
    // OrderedDict with one item and a state; then bytes as protocol 2 holds them.
    let bytes = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x01\x00\x00\x00aK\x05s}b.";
    let pickle = PickleReader::read(bytes).unwrap();
    let items = pickle.dict(pickle.root()).unwrap();
    assert_eq!((items.len(), pickle.int(items[0].1)), (1, Some(5)));
    assert!(pickle.state(pickle.root()).is_some());
    let bytes = b"\x80\x02c_codecs\nencode\nX\x03\x00\x00\x00a\xc3\xbfX\x06\x00\x00\x00latin1\
        \x86R.";
    let pickle = PickleReader::read(bytes).unwrap();
    let bytes = |len| pickle.bytes(pickle.root(), len);
    assert_eq!(bytes(2).as_deref(), Some(&b"a\xff"[..]));
    assert_eq!((bytes(1), bytes(3), bytes(usize::MAX)), (None, None, None));
}

#[test]
fn what_many_names_share_is_short_or_read_once() {
    let long = OLD_TEXT_LIMIT_BYTES + 1;
    for (len, is_text) in [(long - 1, true), (long, false)] {
        let bytes = [
            &b"\x80\x02T"[..],
            &(len as u32).to_le_bytes(),
            &vec![b'a'; len],
            b".",
        ]
        .concat();
        let pickle = PickleReader::read(&bytes).unwrap();
        assert_eq!(pickle.text(pickle.root()).is_some(), is_text);
        assert!(pickle.bytes(pickle.root(), len).is_some());
    }
    for (axes, is_shape) in [(AXES_LIMIT, true), (AXES_LIMIT + 1, false)] {
        let bytes = [&b"\x80\x02("[..], &b"K\x01".repeat(axes), b"t."].concat();
        let pickle = PickleReader::read(&bytes).unwrap();
        assert_eq!(pickle.sizes(pickle.root()).is_some(), is_shape);
    }
}

#[test]
fn a_name_that_is_not_on_the_list_is_refused() {
    // os.system("true"), both ways to write a name.
    let error = refused(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.");
    assert!(error.contains("names `posix.system`"), "{error}");
    let error = refused(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.");
    assert!(error.contains("names `builtins.eval`"), "{error}");
}

#[test]
fn instructions_that_cannot_be_followed_are_refused() {
    for (bytes, says) in [
        (&b""[..], "is cut at byte 0"),
        (b"\x80\x02X\xff\xff\xff\xffabc", "is cut at byte 2"),
        (b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "is cut"),
        (b"\x80\x06.", "protocol 6"),
        (b"\x80\x02.", "empty stack"),
        (b"\x80\x02(.", "empty stack"),
        (b"\x80\x02t.", "a mark that it did not set"),
        (b"\x80\x02h\x07.", "did not remember"),
        (b"\x80\x02NNs.", "empty stack"),
        (b"\x80\x02NNNs.", "not a dict"),
        (b"\x80\x02NNa.", "not a list"),
        (b"\x80\x02}(Nu.", "without a value"),
        (b"\x80\x02N)R.", "no name"),
        (b"\x80\x02NNb.", "plain value"),
        (b"\x80\x02X\x01\x00\x00\x00\xff.", "not UTF-8"),
        (b"\x80\x04K\x01K\x01\x93.", "not text"),
        (b"\x80\x02ctorch\nSize", "is cut"),
        // A list of arguments from the class itself (INST), an extension code.
        (b"\x80\x02(icollections\nOrderedDict\n.", "0x69"),
        (b"\x80\x02\x82\x01.", "0x82"),
    ] {
        let error = refused(bytes);
        assert!(error.contains(says), "{bytes:?}: {error}");
    }
    let many = [&b"\x80\x02"[..], &vec![b'N'; STEP_LIMIT + 1]].concat();
    assert!(refused(&many).contains("more than"));
}

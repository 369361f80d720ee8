//! PostgreSQL 15's results.

use super::super::tests_support::text_call;
use super::*;

#[test]
fn access_by_key_index_and_path() {
    let doc = "{\"a\": {\"b\": [1, \"x\", null]}, \"c\": \"é\\n\"}";
    assert_eq!(text_call(Func::JsonGet, &[(doc, "jsonb"), ("c", "text")], "jsonb"), "\"é\\n\"");
    assert_eq!(text_call(Func::JsonGetText, &[(doc, "jsonb"), ("c", "text")], "text"), "é\n");
    assert_eq!(text_call(Func::JsonGet, &[(doc, "jsonb"), ("z", "text")], "jsonb"), "NULL");
    assert_eq!(text_call(Func::JsonGet, &[("[1,2,3]", "jsonb"), ("-1", "int4")], "jsonb"), "3");
    assert_eq!(text_call(Func::JsonGet, &[("[1,2,3]", "jsonb"), ("3", "int4")], "jsonb"), "NULL");
    assert_eq!(text_call(Func::JsonGet, &[("5", "jsonb"), ("a", "text")], "jsonb"), "NULL");
    assert_eq!(
        text_call(Func::JsonPath, &[(doc, "jsonb"), ("{a,b,1}", "text[]")], "jsonb"),
        "\"x\""
    );
    assert_eq!(
        text_call(Func::JsonPathText, &[(doc, "jsonb"), ("{a,b,1}", "text[]")], "text"),
        "x"
    );
    assert_eq!(
        text_call(Func::JsonPathText, &[(doc, "jsonb"), ("{a,b,2}", "text[]")], "text"),
        "NULL"
    );
    assert_eq!(
        text_call(Func::JsonPath, &[(doc, "jsonb"), ("{a,b,2}", "text[]")], "jsonb"),
        "null"
    );
    assert_eq!(
        text_call(Func::JsonPath, &[(doc, "jsonb"), ("{a,NULL}", "text[]")], "jsonb"),
        "NULL"
    );
    assert_eq!(text_call(Func::JsonPath, &[("1", "jsonb"), ("{}", "text[]")], "jsonb"), "1");
    assert_eq!(
        text_call(
            Func::JsonbExtractPathText,
            &[(doc, "jsonb"), ("a", "text"), ("b", "text"), ("0", "text")],
            "text"
        ),
        "1"
    );
}

#[test]
fn tests_of_documents() {
    let b = "bool";
    for (doc, part, expected) in [
        ("{\"a\":1,\"b\":2}", "{\"b\":2}", "true"),
        ("[1,[2,3]]", "[[3]]", "true"),
        ("[1,2]", "1", "true"),
        ("1", "[1]", "false"),
        ("{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"c\":2.0}}", "true"),
        ("[]", "{}", "false"),
        ("\"a\"", "\"a\"", "true"),
    ] {
        assert_eq!(
            text_call(Func::Contains, &[(doc, "jsonb"), (part, "jsonb")], b),
            expected,
            "{doc} @> {part}"
        );
        assert_eq!(text_call(Func::ContainedBy, &[(part, "jsonb"), (doc, "jsonb")], b), expected);
    }
    assert_eq!(text_call(Func::JsonExists, &[("{\"a\":1}", "jsonb"), ("a", "text")], b), "true");
    assert_eq!(text_call(Func::JsonExists, &[("[\"a\"]", "jsonb"), ("a", "text")], b), "true");
    assert_eq!(
        text_call(Func::JsonExistsAny, &[("{\"a\":1}", "jsonb"), ("{z,a}", "text[]")], b),
        "true"
    );
    assert_eq!(
        text_call(Func::JsonExistsAll, &[("{\"a\":1}", "jsonb"), ("{z,a}", "text[]")], b),
        "false"
    );
    assert_eq!(text_call(Func::JsonbTypeof, &[("-1.5", "jsonb")], "text"), "number");
    assert_eq!(text_call(Func::JsonbArrayLength, &[("[1,[2]]", "jsonb")], "int4"), "2");
    assert_eq!(
        text_call(Func::JsonbArrayLength, &[("{}", "jsonb")], "int4"),
        "cannot get array length of a non-array"
    );
    assert_eq!(
        text_call(Func::JsonbArrayLength, &[("1", "jsonb")], "int4"),
        "cannot get array length of a scalar"
    );
}

#[test]
fn building() {
    let args = [
        ("b", "text"),
        ("1", "int4"),
        ("a", "text"),
        ("NULL", "text"),
        ("long", "text"),
        ("t", "bool"),
    ];
    assert_eq!(
        text_call(Func::JsonbBuildObject, &args, "jsonb"),
        "{\"a\": null, \"b\": 1, \"long\": true}"
    );
    assert_eq!(
        text_call(Func::JsonbBuildObject, &args[..1], "jsonb"),
        "argument list must have even number of elements"
    );
    let null_key = [("NULL", "text"), ("1", "int4")];
    assert_eq!(
        text_call(Func::JsonbBuildObject, &null_key, "jsonb"),
        "argument 1: key must not be null"
    );
    let args = [("1.50", "numeric"), ("x", "text"), ("[1]", "jsonb"), ("NULL", "int4")];
    assert_eq!(text_call(Func::JsonbBuildArray, &args, "jsonb"), "[1.50, \"x\", [1], null]");
    assert_eq!(text_call(Func::ToJsonb, &[("{1,NULL}", "int4[]")], "jsonb"), "[1, null]");
    assert_eq!(text_call(Func::ToJsonb, &[("NaN", "float8")], "jsonb"), "\"NaN\"");
    let ts = [("2020-01-02 03:04:05", "timestamp")];
    assert_eq!(text_call(Func::ToJsonb, &ts, "jsonb"), "\"2020-01-02T03:04:05\"");
    let ts = [("2020-01-02 03:04:05", "timestamptz")];
    assert_eq!(text_call(Func::ToJsonb, &ts, "jsonb"), "\"2020-01-02T03:04:05+00:00\"");
    assert_eq!(
        text_call(Func::JsonbObject, &[("{a,1,b,NULL}", "text[]")], "jsonb"),
        "{\"a\": \"1\", \"b\": null}"
    );
    assert_eq!(
        text_call(Func::JsonbObject, &[("{a}", "text[]"), ("{x}", "text[]")], "jsonb"),
        "{\"a\": \"x\"}"
    );
}

#[test]
fn editing() {
    for (a, b, expected) in [
        ("{\"a\":1}", "{\"a\":2,\"b\":3}", "{\"a\": 2, \"b\": 3}"),
        ("[1]", "2", "[1, 2]"),
        ("1", "2", "[1, 2]"),
        ("{\"a\":1}", "[2]", "[{\"a\": 1}, 2]"),
        ("{\"a\":1}", "2", "[{\"a\": 1}, 2]"),
    ] {
        assert_eq!(
            text_call(Func::Concat, &[(a, "jsonb"), (b, "jsonb")], "jsonb"),
            expected,
            "{a} || {b}"
        );
    }
    assert_eq!(
        text_call(Func::JsonDelete, &[("{\"a\":1,\"b\":2}", "jsonb"), ("a", "text")], "jsonb"),
        "{\"b\": 2}"
    );
    assert_eq!(
        text_call(Func::JsonDelete, &[("[1,2,3]", "jsonb"), ("-1", "int4")], "jsonb"),
        "[1, 2]"
    );
    assert_eq!(
        text_call(Func::JsonDelete, &[("[\"a\",\"b\"]", "jsonb"), ("{a}", "text[]")], "jsonb"),
        "[\"b\"]"
    );
    assert_eq!(
        text_call(
            Func::JsonDeletePath,
            &[("[\"a\",{\"b\":1}]", "jsonb"), ("{1,b}", "text[]")],
            "jsonb"
        ),
        "[\"a\", {}]"
    );
    let set = |path: &str, create: &str| {
        let args = [("{\"a\":[1,2]}", "jsonb"), (path, "text[]"), ("9", "jsonb"), (create, "bool")];
        text_call(Func::JsonbSet, &args, "jsonb")
    };
    assert_eq!(set("{a,0}", "t"), "{\"a\": [9, 2]}");
    assert_eq!(set("{a,5}", "t"), "{\"a\": [1, 2, 9]}");
    assert_eq!(set("{b}", "t"), "{\"a\": [1, 2], \"b\": 9}");
    assert_eq!(set("{b}", "f"), "{\"a\": [1, 2]}");
    assert_eq!(set("{b,c}", "t"), "{\"a\": [1, 2]}");
    assert_eq!(set("{a,x}", "t"), "path element at position 2 is not an integer: \"x\"");
    let insert = [("{\"a\":[0,1]}", "jsonb"), ("{a,1}", "text[]"), ("9", "jsonb")];
    assert_eq!(text_call(Func::JsonbInsert, &insert, "jsonb"), "{\"a\": [0, 9, 1]}");
    let nulls = [("{\"a\":null,\"b\":[null,{\"c\":null}]}", "jsonb")];
    assert_eq!(text_call(Func::JsonbStripNulls, &nulls, "jsonb"), "{\"b\": [null, {}]}");
    let pretty = text_call(Func::JsonbPretty, &[("{\"a\":[1,{}]}", "jsonb")], "text");
    assert_eq!(pretty, "{\n    \"a\": [\n        1,\n        {\n        }\n    ]\n}");
}

//! Functions of JSONB. JSON is kept as JSONB, so the json_ names are the same functions.
//!
//! Invariant: overloads of a name differ in argument types or count.

use super::Func::*;
use super::Ty::{Any, Bool, Int4, Jsonb, Text, TextList};
use super::{Signature, sig};

pub(super) static FUNCTIONS: &[Signature] = &[
    sig(JsonbTypeof, "jsonb_typeof", &[Jsonb], Text),
    sig(JsonbTypeof, "json_typeof", &[Jsonb], Text),
    sig(JsonbArrayLength, "jsonb_array_length", &[Jsonb], Int4).fails(),
    sig(JsonbArrayLength, "json_array_length", &[Jsonb], Int4).fails(),
    sig(JsonbExtractPath, "jsonb_extract_path", &[Jsonb, Text], Jsonb).repeats(),
    sig(JsonbExtractPath, "json_extract_path", &[Jsonb, Text], Jsonb).repeats(),
    sig(JsonbExtractPathText, "jsonb_extract_path_text", &[Jsonb, Text], Text).repeats(),
    sig(JsonbExtractPathText, "json_extract_path_text", &[Jsonb, Text], Text).repeats(),
    sig(ToJsonb, "to_jsonb", &[Any], Jsonb),
    sig(ToJsonb, "to_json", &[Any], Jsonb),
    sig(ToJsonb, "row_to_json", &[super::Ty::Record], Jsonb),
    sig(ToJsonb, "array_to_json", &[Any], Jsonb),
    sig(JsonbBuildObject, "jsonb_build_object", &[], Jsonb),
    sig(JsonbBuildObject, "jsonb_build_object", &[Any], Jsonb).sees_null().repeats().fails(),
    sig(JsonbBuildObject, "json_build_object", &[], Jsonb),
    sig(JsonbBuildObject, "json_build_object", &[Any], Jsonb).sees_null().repeats().fails(),
    sig(JsonbBuildArray, "jsonb_build_array", &[], Jsonb),
    sig(JsonbBuildArray, "jsonb_build_array", &[Any], Jsonb).sees_null().repeats(),
    sig(JsonbBuildArray, "json_build_array", &[], Jsonb),
    sig(JsonbBuildArray, "json_build_array", &[Any], Jsonb).sees_null().repeats(),
    sig(JsonbObject, "jsonb_object", &[TextList], Jsonb).fails(),
    sig(JsonbObject, "jsonb_object", &[TextList, TextList], Jsonb).fails(),
    sig(JsonbObject, "json_object", &[TextList], Jsonb).fails(),
    sig(JsonbObject, "json_object", &[TextList, TextList], Jsonb).fails(),
    sig(JsonbPretty, "jsonb_pretty", &[Jsonb], Text),
    sig(JsonbStripNulls, "jsonb_strip_nulls", &[Jsonb], Jsonb),
    sig(JsonbStripNulls, "json_strip_nulls", &[Jsonb], Jsonb),
    sig(JsonbSet, "jsonb_set", &[Jsonb, TextList, Jsonb], Jsonb).fails(),
    sig(JsonbSet, "jsonb_set", &[Jsonb, TextList, Jsonb, Bool], Jsonb).fails(),
    sig(JsonbInsert, "jsonb_insert", &[Jsonb, TextList, Jsonb], Jsonb).fails(),
    sig(JsonbInsert, "jsonb_insert", &[Jsonb, TextList, Jsonb, Bool], Jsonb).fails(),
    sig(JsonDeletePath, "jsonb_delete_path", &[Jsonb, TextList], Jsonb).fails(),
    sig(JsonExists, "jsonb_exists", &[Jsonb, Text], Bool),
    sig(JsonExistsAny, "jsonb_exists_any", &[Jsonb, TextList], Bool),
    sig(JsonExistsAll, "jsonb_exists_all", &[Jsonb, TextList], Bool),
];

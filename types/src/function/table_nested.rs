//! Functions of arrays.
//!
//! Invariant: overloads of a name differ in argument types or count.

use super::Func::*;
use super::Ty::{Element, ElementList, Int4, Int4List, Text};
use super::{Signature, sig};

pub(super) static FUNCTIONS: &[Signature] = &[
    sig(ArrayCat, "array_cat", &[ElementList, ElementList], ElementList).sees_null().fails(),
    sig(ArrayAppend, "array_append", &[ElementList, Element], ElementList).sees_null(),
    sig(ArrayPrepend, "array_prepend", &[Element, ElementList], ElementList).sees_null(),
    sig(ArrayLength, "array_length", &[ElementList, Int4], Int4),
    sig(ArrayNdims, "array_ndims", &[ElementList], Int4),
    sig(ArrayDims, "array_dims", &[ElementList], Text),
    sig(ArrayLower, "array_lower", &[ElementList, Int4], Int4),
    sig(ArrayUpper, "array_upper", &[ElementList, Int4], Int4),
    sig(Cardinality, "cardinality", &[ElementList], Int4),
    sig(ArrayPosition, "array_position", &[ElementList, Element], Int4).sees_null().fails(),
    sig(ArrayPosition, "array_position", &[ElementList, Element, Int4], Int4).sees_null().fails(),
    sig(ArrayPositions, "array_positions", &[ElementList, Element], Int4List).sees_null().fails(),
    sig(ArrayRemove, "array_remove", &[ElementList, Element], ElementList).sees_null().fails(),
    sig(ArrayReplace, "array_replace", &[ElementList, Element, Element], ElementList).sees_null(),
    sig(ArrayFill, "array_fill", &[Element, Int4List], ElementList).sees_null().fails(),
    sig(TrimArray, "trim_array", &[ElementList, Int4], ElementList).fails(),
    sig(ArrayToString, "array_to_string", &[ElementList, Text], Text),
    sig(ArrayToString, "array_to_string", &[ElementList, Text, Text], Text).sees_null(),
];

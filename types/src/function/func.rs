//! The names of all built-in scalar functions and operators.
//!
//! One macro row per function gives the variant, its unique name (bytecode text and plans print it)
//! and, for operators, the symbol that SQL writes.
//! Invariant: names are unique; a symbol belongs to at most one function per number of arguments.

macro_rules! funcs {
    ($($(#[$doc:meta])* $variant:ident $name:literal $($symbol:literal)?;)*) => {
        /// A built-in scalar function or operator.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the signature table documents each")]
        pub enum Func { $($(#[$doc])* $variant,)* }

        impl Func {
            /// Every function, in declaration order.
            pub const ALL: &'static [Func] = &[$(Func::$variant,)*];

            /// Its unique name, lower case: `add`, `length`.
            pub const fn name(self) -> &'static str {
                match self { $(Func::$variant => $name,)* }
            }

            /// The operator symbol, if SQL writes it as an operator: `+`, `||`.
            pub const fn symbol(self) -> Option<&'static str> {
                match self { $(Func::$variant => funcs!(@symbol $($symbol)?),)* }
            }

            /// The function whose [`Func::name`] this is.
            pub fn from_name(name: &str) -> Option<Func> {
                match name { $($name => Some(Func::$variant),)* _ => None }
            }
        }
    };
    (@symbol) => { None };
    (@symbol $symbol:literal) => { Some($symbol) };
}

funcs! {
    // Arithmetic: numbers of one type; date, time and JSONB forms by argument types.
    Add "add" "+";
    Sub "sub" "-";
    Mul "mul" "*";
    Div "div" "/";
    Mod "mod" "%";
    Neg "neg" "-";
    Pow "pow" "^";
    BitAnd "bit_and" "&";
    BitOr "bit_or" "|";
    BitXor "bit_xor" "#";
    BitNot "bit_not" "~";
    ShiftLeft "shift_left" "<<";
    ShiftRight "shift_right" ">>";
    // Comparison of two values of one type, NULL if either is NULL.
    Eq "eq" "=";
    NotEq "not_eq" "<>";
    Lt "lt" "<";
    LtEq "lt_eq" "<=";
    Gt "gt" ">";
    GtEq "gt_eq" ">=";
    /// Never NULL; NULLs are equal.
    IsDistinct "is_distinct";
    /// Never NULL; NULLs are equal.
    IsNotDistinct "is_not_distinct";
    // `value op ANY (array)` and `value op ALL (array)`, three-valued.
    AnyEq "any_eq";
    AnyNotEq "any_not_eq";
    AnyLt "any_lt";
    AnyLtEq "any_lt_eq";
    AnyGt "any_gt";
    AnyGtEq "any_gt_eq";
    AllEq "all_eq";
    AllNotEq "all_not_eq";
    AllLt "all_lt";
    AllLtEq "all_lt_eq";
    AllGt "all_gt";
    AllGtEq "all_gt_eq";
    // Text.
    /// Of text, byte strings, JSONB values or arrays; text takes any other type on one side.
    Concat "concat_op" "||";
    /// The third argument, if given, is the escape character (empty: none).
    Like "like" "~~";
    ILike "ilike" "~~*";
    /// SIMILAR TO; the third argument, if given, is the escape character.
    SimilarTo "similar_to";
    RegexMatch "regex_match" "~";
    RegexIMatch "regex_imatch" "~*";
    StartsWith "starts_with" "^@";
    Length "length";
    OctetLength "octet_length";
    BitLength "bit_length";
    Lower "lower";
    Upper "upper";
    InitCap "initcap";
    /// substring(text, from [, count]), and of byte strings.
    Substr "substr";
    /// substring(text from pattern): a regular expression.
    SubstringRegex "substring_regex";
    /// substring(text from pattern for escape): SQL's own form.
    SubstringSimilar "substring_similar";
    /// strpos(text, part); POSITION(part IN text) has its arguments swapped to this order.
    StrPos "strpos";
    Replace "replace";
    BTrim "btrim";
    LTrim "ltrim";
    RTrim "rtrim";
    LPad "lpad";
    RPad "rpad";
    Left "left";
    Right "right";
    Repeat "repeat";
    Reverse "reverse";
    SplitPart "split_part";
    ConcatAll "concat";
    ConcatWs "concat_ws";
    Ascii "ascii";
    Chr "chr";
    Translate "translate";
    Overlay "overlay";
    Md5 "md5";
    Sha224 "sha224";
    Sha256 "sha256";
    Sha384 "sha384";
    Sha512 "sha512";
    Encode "encode";
    /// Bytes in a named encoding as text.
    ConvertFrom "convert_from";
    /// Text as bytes in a named encoding.
    ConvertTo "convert_to";
    Decode "decode";
    GetByte "get_byte";
    SetByte "set_byte";
    BitCount "bit_count";
    GetBit "get_bit";
    SetBit "set_bit";
    /// The bytes of a number as the wire has them.
    Send "send";
    UniStr "unistr";
    ToHex "to_hex";
    QuoteLiteral "quote_literal";
    QuoteNullable "quote_nullable";
    QuoteIdent "quote_ident";
    Format "format";
    StringToArray "string_to_array";
    ArrayToString "array_to_string";
    RegexpMatch "regexp_match";
    RegexpReplace "regexp_replace";
    RegexpLike "regexp_like";
    RegexpCount "regexp_count";
    RegexpInstr "regexp_instr";
    RegexpSubstr "regexp_substr";
    RegexpSplitToArray "regexp_split_to_array";
    // Mathematics.
    Abs "abs" "@";
    Sign "sign";
    Ceil "ceil";
    Floor "floor";
    Round "round";
    Trunc "trunc";
    Sqrt "sqrt" "|/";
    Cbrt "cbrt" "||/";
    Exp "exp";
    Ln "ln";
    /// Base 10.
    Log10 "log10";
    /// log(base, x).
    Log "log";
    /// Integer quotient of two NUMERICs, toward zero.
    DivTrunc "div_trunc";
    Gcd "gcd";
    Lcm "lcm";
    Factorial "factorial";
    Scale "scale";
    MinScale "min_scale";
    TrimScale "trim_scale";
    WidthBucket "width_bucket";
    Sin "sin";
    Cos "cos";
    Tan "tan";
    Cot "cot";
    Asin "asin";
    Acos "acos";
    Atan "atan";
    Atan2 "atan2";
    Sind "sind";
    Cosd "cosd";
    Tand "tand";
    Cotd "cotd";
    Asind "asind";
    Acosd "acosd";
    Atand "atand";
    Atan2d "atan2d";
    Sinh "sinh";
    Cosh "cosh";
    Tanh "tanh";
    Asinh "asinh";
    Acosh "acosh";
    Atanh "atanh";
    Degrees "degrees";
    Radians "radians";
    Pi "pi";
    Random "random";
    Greatest "greatest";
    Least "least";
    // Time.
    DateTrunc "date_trunc";
    /// To NUMERIC.
    Extract "extract";
    /// To DOUBLE PRECISION.
    DatePart "date_part";
    DateBin "date_bin";
    ToChar "to_char";
    ToTimestamp "to_timestamp";
    ToDate "to_date";
    ToNumber "to_number";
    MakeDate "make_date";
    MakeTime "make_time";
    MakeTimestamp "make_timestamp";
    MakeTimestampTz "make_timestamptz";
    MakeInterval "make_interval";
    /// With one argument: from the epoch's date.
    Age "age";
    JustifyHours "justify_hours";
    JustifyDays "justify_days";
    JustifyInterval "justify_interval";
    IsFinite "isfinite";
    /// AT TIME ZONE: timezone(zone, value).
    TimeZone "timezone";
    Overlaps "overlaps";
    /// Start of the tumbling window of a time: (time, size, offset), both in microseconds.
    WindowStart "window_start";
    // JSONB.
    JsonGet "json_get" "->";
    JsonGetText "json_get_text" "->>";
    JsonPath "json_path" "#>";
    JsonPathText "json_path_text" "#>>";
    JsonExists "json_exists" "?";
    JsonExistsAny "json_exists_any" "?|";
    JsonExistsAll "json_exists_all" "?&";
    JsonDelete "json_delete";
    JsonDeletePath "json_delete_path" "#-";
    JsonbTypeof "jsonb_typeof";
    JsonbArrayLength "jsonb_array_length";
    JsonbExtractPath "jsonb_extract_path";
    JsonbExtractPathText "jsonb_extract_path_text";
    ToJsonb "to_jsonb";
    JsonbBuildObject "jsonb_build_object";
    JsonbBuildArray "jsonb_build_array";
    JsonbObject "jsonb_object";
    JsonbPretty "jsonb_pretty";
    JsonbStripNulls "jsonb_strip_nulls";
    JsonbSet "jsonb_set";
    JsonbInsert "jsonb_insert";
    /// The elements of a JSON array, as an array: FROM unnests it.
    JsonbArrayElements "jsonb_array_elements";
    /// The same as text.
    JsonbArrayElementsText "jsonb_array_elements_text";
    /// The keys of a JSON object, as an array: FROM unnests it.
    JsonbObjectKeys "jsonb_object_keys";
    // Arrays and rows.
    /// Of arrays (elements) or JSONB (structure).
    Contains "contains" "@>";
    ContainedBy "contained_by" "<@";
    Overlap "overlap" "&&";
    /// ARRAY[...].
    ArrayMake "array_make";
    /// array[i], from 1; NULL outside.
    ArrayIndex "array_index";
    /// array[low:high]; an absent bound is the least or the greatest INTEGER.
    ArraySlice "array_slice";
    ArrayCat "array_cat";
    ArrayAppend "array_append";
    ArrayPrepend "array_prepend";
    ArrayLength "array_length";
    ArrayNdims "array_ndims";
    ArrayDims "array_dims";
    ArrayLower "array_lower";
    ArrayUpper "array_upper";
    Cardinality "cardinality";
    ArrayPosition "array_position";
    ArrayPositions "array_positions";
    ArrayRemove "array_remove";
    ArrayReplace "array_replace";
    ArrayFill "array_fill";
    TrimArray "trim_array";
    /// generate_series(from, to [, step]) of integers, NUMERIC or times, as an array: FROM unnests
    /// it.
    GenerateSeries "generate_series";
    /// ROW(...).
    RowMake "row_make";
    /// (row).field: the position of the field, from 0, is a constant second argument.
    RowField "row_field";
    // Other.
    /// A time rounded to so many digits of a second.
    RoundTime "round_time";
    /// FALSE, or the error that a subquery has more than one row.
    SeveralRows "several_rows";
    NullIf "nullif";
    NumNulls "num_nulls";
    NumNonNulls "num_nonnulls";
    PgTypeof "pg_typeof";
    Version "version";
    CurrentDatabase "current_database";
    CurrentSchema "current_schema";
    CurrentUser "current_user";
    GenRandomUuid "gen_random_uuid";
    ClockTimestamp "clock_timestamp";
}

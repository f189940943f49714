"""Writes the fixtures of the Parquet reader's tests: the same scan records in every layout and spelling.

    python -m venv venv && venv/bin/pip install pyarrow duckdb && venv/bin/python make.py

records.jsonl is the scan as the scanner prints it. Every .parquet file beside it holds the same records, or those of one
protocol (the name says which), and the tests compare what is read from both.
"""

import datetime
import json
import os

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(HERE, name)


CERT = ["MIIBleaf" + "A" * 40, "MIIBissuer" + "B" * 40, "MIIBother" + "C" * 40]

RESULTS = {
    "bacnet": [
        {"is_bacnet": True, "instance_number": 4194303, "vendor_id": 0, "vendor_name": "", "model_name": "x\u00e9\u0000y"},
        {"is_bacnet": False},
        None,
        {},
        {"is_bacnet": True, "vendor_id": 260, "vendor_name": "BACnet Stack", "location": None, "description": "d" * 300},
    ],
    "coap": [
        [
            {"path": ".well-known/core", "messages": [
                {"header": {"message-id": 4660, "version": 1, "type": 2, "token-len": 0, "token": "", "code": "2.05"},
                 "payload": {"ContentFormat": {"Name": "application/link-format", "StringRep": "40"}, "Body": "PC8+", "StringRep": "</>"},
                 "options": {"12": {"ID": 12, "Name": "Content-Format", "Value": "KA=="}, "4": {"ID": 4, "Name": "ETag", "Value": ""}}},
                {"header": None, "payload": None, "options": {}},
            ]},
            {"path": "/", "messages": []},
            {"path": "", "messages": None},
            None,
        ],
        [],
        None,
        [{"path": "a", "messages": [{"header": {"code": "4.04"}, "payload": None, "options": None}]}],
    ],
    "dnp3": [{"is_dnp3": True, "raw_response": "BWQFCwEAAADx"}, {"is_dnp3": False}, None],
    "modbus": [
        {"length": 5, "unit_id": 0, "function_code": 43, "raw_response": "DgE=",
         "mei_response": {"conformity_level": 129, "more_follows": False, "next_object_id": 0, "object_count": 2,
                          "objects": {"product_code": "TM221", "vendor": ""}}},
        {"length": 5, "unit_id": 0, "function_code": 43, "mei_response": {"conformity_level": 0, "object_count": 0}},
        {"length": 5, "unit_id": 0, "function_code": 43, "mei_response": {"objects": {}}},
        {"function_code": 171, "exception_response": {"exception_function": 43, "exception_type": 1}},
        None,
    ],
    "mqtt": [
        {"connection-code": 0, "topics": {"$SYS/broker/version": ["mosquitto 2.0.18", ""], "a/b": [], "c": None, "d": [None, "x"]},
         "certificate": [CERT[0], CERT[1]], "scheme": "ssl", "error": None},
        {"scheme": "tcp", "topics": {}},
        {"scheme": "", "topics": None, "certificate": []},
        {"certificate": [None, CERT[1]], "scheme": "ssl"},
        {"certificate": [""], "scheme": "ssl", "topics": {"z": ["1"], "a": ["2"]}},
        None,
        {},
    ],
    "rtps": [
        {"raw-message": "UlRQUw==", "message": {"header": {"Magic": [82, 84, 80, 83], "vendor-id": [1, 3], "guid-prefix": [0] * 12}, "payload": None}},
        {"raw-message": "", "message": {"header": None}},
        {"message": None},
        None,
    ],
    "xmpp": [{"banner": "<?xml version='1.0'?><stream:stream xmlns='jabber:client'>"}, {"banner": ""}, {}, None],
    "opcua": [
        {"is_opcua": True, "endpoints": [
            {"EndpointURL": "opc.tcp://h:4840", "ServerCertificate": CERT[0], "SecurityMode": "None", "SecurityPolicyURI": "http://opcfoundation.org/UA/SecurityPolicy#None",
             "Server": {"ApplicationURI": "urn:a", "ProductURI": "urn:p", "ApplicationName": {"EncodingMask": 3, "Locale": "en", "Text": "S"}, "ApplicationType": 0, "DiscoveryURLs": None},
             "UserIdentityTokens": [{"PolicyID": "0", "TokenType": 0, "SecurityPolicyURI": ""}, {"PolicyID": "1", "TokenType": 1, "SecurityPolicyURI": "x"}],
             "SecurityLevel": 0},
            None,
            {"EndpointURL": "opc.tcp://h:4841", "ServerCertificate": CERT[2], "SecurityMode": "SignAndEncrypt", "UserIdentityTokens": []},
            {"ServerCertificate": CERT[0], "SecurityMode": "Sign", "UserIdentityTokens": None},
            {"ServerCertificate": None, "Server": None},
        ], "nodes": {"opc.tcp://h:4840": [
            {"node_id": "i=2259", "node_class": "Variable", "browse_name": "0:State", "value": "1", "writable": False, "value_rank": -1},
            {"node_id": "i=2260", "value": "{\"ProductName\":\"S\",\"N\":[1,2.5,null]}", "writable": True},
            {"node_id": "i=2261", "value": None},
        ], "opc.tcp://empty": [], "opc.tcp://null": None}},
        {"is_opcua": False, "endpoints": None, "nodes": None},
        {"is_opcua": None, "endpoints": []},
        None,
    ],
}

STATUS = ["success", "success", "connection-timeout", "io-timeout", "application-error"]

S, I, B = pa.string(), pa.int64(), pa.bool_()


def struct(**fields):
    return pa.struct([(name.replace("__", "-"), kind) for name, kind in fields.items()])


ENDPOINT = struct(
    EndpointURL=S, ServerCertificate=S, SecurityMode=S, SecurityPolicyURI=S,
    Server=struct(ApplicationURI=S, ProductURI=S, ApplicationName=struct(EncodingMask=I, Locale=S, Text=S), ApplicationType=I, DiscoveryURLs=pa.list_(S)),
    UserIdentityTokens=pa.list_(struct(PolicyID=S, TokenType=pa.int8(), SecurityPolicyURI=S)), SecurityLevel=pa.uint8())
NODE = struct(node_id=S, node_class=S, browse_name=S, value=S, writable=B, value_rank=pa.int32())

TYPES = {
    "bacnet": struct(is_bacnet=B, instance_number=pa.uint32(), vendor_id=pa.uint16(), vendor_name=S, firmware_revision=S,
                     application_software_revision=S, object_name=S, model_name=S, description=S, location=S),
    "coap": pa.list_(struct(path=S, messages=pa.list_(struct(
        header=pa.struct([("message-id", I), ("version", I), ("type", I), ("token-len", I), ("token", S), ("code", S)]),
        payload=struct(ContentFormat=struct(Name=S, StringRep=S), Body=S, StringRep=S),
        options=pa.map_(S, struct(ID=pa.int32(), Name=S, Value=S)))))),
    "dnp3": struct(is_dnp3=B, raw_response=S),
    "modbus": struct(length=I, unit_id=I, function_code=I, raw_response=S, mei_response=struct(
        conformity_level=pa.uint64(), more_follows=B, next_object_id=I, object_count=I, objects=pa.map_(S, S)),
        exception_response=struct(exception_function=I, exception_type=I), raw=S),
    "mqtt": pa.struct([("connection-code", I), ("topics", pa.map_(S, pa.list_(S))), ("certificate", pa.list_(S)), ("scheme", S), ("error", S)]),
    "rtps": pa.struct([("raw-message", S), ("message", pa.struct([("header", pa.struct([
        ("Magic", pa.list_(I)), ("protocol-version", pa.list_(I)), ("vendor-id", pa.list_(pa.int16())), ("guid-prefix", pa.list_(pa.uint8()))])), ("payload", S)]))]),
    "xmpp": struct(banner=S),
    "opcua": struct(is_opcua=B, endpoints=pa.list_(ENDPOINT), nodes=pa.map_(S, pa.list_(NODE))),
}


def as_arrow(value, kind):
    """Arrow wants maps as lists of pairs."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        return [(k, as_arrow(v, kind.item_type)) for k, v in value.items()]
    if pa.types.is_list(kind):
        return [as_arrow(v, kind.value_type) for v in value]
    if pa.types.is_struct(kind):
        return {f.name: as_arrow(value.get(f.name), f.type) for f in kind}
    return value


def moment(n):
    return datetime.datetime(2025, 2, 3, 4, 5, n, tzinfo=datetime.timezone.utc)


def printed(value, in_nodes=False):
    """A node's value is kept as text here; the scanner prints what it is."""
    if isinstance(value, list):
        return [printed(v, in_nodes) for v in value]
    if isinstance(value, dict):
        return {k: json.loads(v) if k == "value" and v is not None else printed(v) for k, v in value.items()}
    return value


def scan():
    """Rows of (ip, domain, port, {name: response})."""
    rows, n = [], 0
    for protocol, results in RESULTS.items():
        for i, result in enumerate(results):
            n += 1
            response = {"status": STATUS[i % len(STATUS)], "protocol": protocol, "timestamp": moment(n % 60), "result": result}
            rows.append({"ip": None if i == 2 else "10.0.%d.%d" % (len(protocol), n), "domain": "host%d.example" % n if i % 3 == 2 else None,
                         "port": 4000 + n if i % 2 else None, "data": {protocol: response}})
    rows.append({"ip": "10.9.9.1", "domain": None, "port": None, "data": None})
    rows.append({"ip": "10.9.9.2", "domain": None, "port": None, "data": {
        "dnp3": {"status": "success", "protocol": "dnp3", "timestamp": moment(1), "result": {"is_dnp3": True}},
        "xmpp": {"status": "success", "protocol": "xmpp", "timestamp": None, "result": {"banner": "both"}}}})
    return rows


def line(row):
    data = None if row["data"] is None else {
        name: {"status": r["status"], "protocol": r["protocol"], "result": printed(r["result"]),
               "timestamp": None if r["timestamp"] is None else r["timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ")}
        for name, r in row["data"].items()}
    members = {k: v for k, v in {**row, "data": data}.items() if v is not None}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def table(rows, result_type, protocol_column=True, stamp=pa.timestamp("us", tz="UTC"), as_text=False):
    """The notebook's layout."""
    out = []
    for row in rows:
        for name, r in (row["data"] or {}).items():
            out.append({"ip": row["ip"], "domain": row["domain"], "port": row["port"], "protocol": name, "status": r["status"],
                        "timestamp": r["timestamp"], "error": None,
                        "result": (None if r["result"] is None else json.dumps(printed(r["result"]), separators=(",", ":"))) if as_text else as_arrow(r["result"], result_type)})
    columns = [("ip", S), ("domain", S), ("port", I), ("protocol", S), ("status", S), ("timestamp", stamp), ("error", S), ("result", result_type)]
    if not protocol_column:
        columns = [c for c in columns if c[0] != "protocol"]
    if pa.types.is_string(stamp):
        for o in out:
            o["timestamp"] = o["timestamp"] and o["timestamp"].isoformat()
    return pa.Table.from_pylist([{c: o[c] for c, _ in columns} for o in out], schema=pa.schema(columns))


def write(name, t, **options):
    pq.write_table(t, path(name), store_schema=False, **{"compression": "zstd", "row_group_size": 3, **options})


def of(rows, protocol):
    return [{**r, "data": {protocol: r["data"][protocol]}} for r in rows if r["data"] and protocol in r["data"]]


def leaves(kind, prefix):
    """Dotted paths of the leaves below a column, with their types."""
    if pa.types.is_struct(kind):
        return [leaf for f in kind for leaf in leaves(f.type, prefix + "." + f.name)]
    if pa.types.is_map(kind):
        return leaves(kind.key_type, prefix + ".key_value.key") + leaves(kind.item_type, prefix + ".key_value.value")
    if pa.types.is_list(kind):
        return leaves(kind.value_type, prefix + ".list.element")
    return [(prefix, kind)]


def arrow_files(rows):
    for protocol, kind in TYPES.items():
        write("arrow-" + protocol + ".parquet", table(of(rows, protocol), kind))
    variants = {
        "v2": dict(data_page_version="2.0", compression="snappy", version="2.6"),
        "gzip": dict(compression="gzip", use_dictionary=False, data_page_size=16, write_batch_size=1),
        "brotli": dict(compression="brotli", row_group_size=100),
        "lz4": dict(compression="lz4", data_page_version="2.0"),
        "plain": dict(compression="none", write_page_checksum=True),
        "oldlist": dict(use_compliant_nested_type=False),
    }
    for name, options in variants.items():
        for protocol in ("mqtt", "opcua"):
            write("arrow-%s-%s.parquet" % (protocol, name), table(of(rows, protocol), TYPES[protocol]), **options)
    for name, stamp in (("ms", pa.timestamp("ms")), ("ns", pa.timestamp("ns", tz="UTC")), ("text", S)):
        write("arrow-xmpp-%s.parquet" % name, table(of(rows, "xmpp"), TYPES["xmpp"], stamp=stamp), version="2.6")
    write("arrow-xmpp-int96.parquet", table(of(rows, "xmpp"), TYPES["xmpp"]), use_deprecated_int96_timestamps=True)
    pandas = table(of(rows, "xmpp"), TYPES["xmpp"]).to_pylist()
    write("arrow-xmpp-pandas.parquet", pa.Table.from_pylist(
        [{**r, "port": None if r["port"] is None else float(r["port"]), "domain": None, "result": r["result"] and {**r["result"], "tls": None}} for r in pandas],
        schema=pa.schema([("ip", S), ("domain", pa.null()), ("port", pa.float64()), ("protocol", pa.dictionary(pa.int8(), S)), ("status", pa.large_string()),
                          ("timestamp", pa.timestamp("us", tz="UTC")), ("error", pa.null()), ("result", struct(banner=S, tls=pa.null()))])))
    for protocol in ("opcua", "bacnet"):
        delta = {}
        for column, kind in leaves(TYPES[protocol], "result"):
            delta[column] = "DELTA_BYTE_ARRAY" if pa.types.is_string(kind) else "DELTA_BINARY_PACKED" if pa.types.is_integer(kind) else "RLE"
        delta["ip"], delta["port"] = "DELTA_LENGTH_BYTE_ARRAY", "BYTE_STREAM_SPLIT"
        write("arrow-%s-delta.parquet" % protocol, table(of(rows, protocol), TYPES[protocol]), use_dictionary=False, column_encoding=delta, version="2.6")
    write("arrow-all-text.parquet", table(rows, S, as_text=True), row_group_size=10)
    os.makedirs(path("protocol=dnp3"), exist_ok=True)
    write("protocol=dnp3/part.parquet", table(of(rows, "dnp3"), TYPES["dnp3"], protocol_column=False))


def duck_type(kind):
    if pa.types.is_struct(kind):
        return "STRUCT(" + ", ".join('"%s" %s' % (f.name, duck_type(f.type)) for f in kind) + ")"
    if pa.types.is_map(kind):
        return "MAP(%s, %s)" % (duck_type(kind.key_type), duck_type(kind.item_type))
    if pa.types.is_list(kind):
        return duck_type(kind.value_type) + "[]"
    return {"string": "VARCHAR", "int64": "BIGINT", "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER",
            "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT"}[str(kind)]


def duck_files(rows):
    db = duckdb.connect()
    db.execute("SET threads = 1; SET TimeZone = 'UTC'")
    lines = path("records.jsonl")
    response = "STRUCT(status VARCHAR, protocol VARCHAR, \"timestamp\" TIMESTAMPTZ, result %s)"
    data = "STRUCT(" + ", ".join("%s %s" % (p, response % duck_type(k)) for p, k in TYPES.items()) + ")"
    db.execute("CREATE TABLE raw AS SELECT * FROM read_json(?, format='newline_delimited', columns={'ip': 'VARCHAR', 'domain': 'VARCHAR', 'port': 'BIGINT', 'data': $$%s$$})" % data, [lines])
    db.execute("COPY raw TO '%s' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048)" % path("duck-all-raw.parquet"))
    db.execute("COPY (SELECT * FROM read_json('%s', format='newline_delimited', columns={'ip': 'VARCHAR', 'domain': 'VARCHAR', 'port': 'INTEGER', 'data': 'JSON'})) TO '%s' (FORMAT parquet)" % (lines, path("duck-all-data.parquet")))
    for protocol in TYPES:
        db.execute("COPY (SELECT ip, domain, port, '%s' AS protocol, data.%s.status AS status, data.%s.\"timestamp\" AS \"timestamp\", data.%s.result AS result FROM raw WHERE data.%s IS NOT NULL) TO '%s' (FORMAT parquet, COMPRESSION snappy, PARQUET_VERSION %s)"
                   % (protocol, protocol, protocol, protocol, protocol, path("duck-%s.parquet" % protocol), "V2" if protocol in ("opcua", "mqtt") else "V1"))


def main():
    for name in os.listdir(HERE):
        if name.endswith(".parquet"):
            os.remove(path(name))
    rows = scan()
    with open(path("records.jsonl"), "w", encoding="utf-8", newline="\n") as f:
        f.writelines(line(r) + "\n" for r in rows)
    arrow_files(rows)
    duck_files(rows)


main()

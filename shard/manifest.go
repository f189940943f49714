package shard

// Claim names the job that an output belongs to.
type Claim struct {
	Job    string `json:"job"`
	Digest string `json:"digest"` // of the command
	// Places are where the patterns of the command look, in its order: in other folders, the same command means other inputs.
	Places []string `json:"places,omitempty"`
}

// Output describes a file of the result.
type Output struct {
	Key    string `json:"key" doc:"its name in the output"`
	Size   int64  `json:"size" doc:"octets"`
	SHA256 string `json:"sha256" doc:"lower-case hex"`
	Rows   int64  `json:"rows" doc:"rows of the table"`
}

// Lines accounts for physical rows: Lines = WithRecords + Empty + Rejected.
type Lines struct {
	Lines       int64 `json:"lines" doc:"the sum of the following"`
	WithRecords int64 `json:"with_records" doc:"that hold one record or more"`
	Empty       int64 `json:"empty" doc:"that hold none"`
	Rejected    int64 `json:"rejected" doc:"that could not be read"`
}

// Records accounts for records: Records = Output + Duplicate + Filtered + Unlabelled + Other + Excluded + Rejected. Each
// counts once.
type Records struct {
	Records    int64 `json:"records" doc:"the sum of the following, in which each counts once"`
	Output     int64 `json:"output" doc:"written"`
	Duplicate  int64 `json:"duplicate" doc:"of a record before, by --dedupe; only records past the filter are compared"`
	Filtered   int64 `json:"filtered" doc:"without what the protocol's criterion asks for, like failed attempts"`
	Unlabelled int64 `json:"unlabelled" doc:"without a label; of --mode all they are written"`
	Other      int64 `json:"other" doc:"of protocols that were not asked for"`
	Excluded   int64 `json:"excluded" doc:"of networks that were left out"`
	Rejected   int64 `json:"rejected" doc:"that could not be read"`
}

// ManifestInput is an input as the result remembers it.
type ManifestInput struct {
	URL  string `json:"url" doc:"as given"`
	Size int64  `json:"size" doc:"octets"`
	ETag string `json:"etag" doc:"the store's; of a local file its size and modification time"`
}

// Manifest is the commit of a job: the last object written, it says what the result is made of and consists of. It
// holds nothing that differs between two runs over the same inputs.
type Manifest struct {
	ResultVersion int                `json:"result_version" doc:"changes where the same inputs would give another result"`
	Digest        string             `json:"digest" doc:"SHA-256 of the command, lower-case hex"`
	Command       Command            `json:"command" doc:"what was asked for"`
	Inputs        []ManifestInput    `json:"inputs" doc:"the scans, in order, with those that were skipped"`
	Side          []ManifestInput    `json:"certificates" doc:"the side tables, likewise"`
	Lines         Lines              `json:"lines" doc:"lines or rows of the scans"`
	SideLines     Lines              `json:"certificate_lines" doc:"of the side tables, likewise"`
	Records       Records            `json:"records" doc:"what became of the records"`
	Protocols     map[string]Records `json:"protocols" doc:"the same by protocol; other and the rejected whose protocol is not known are in none"`
	Rejects       int64              `json:"rejects" doc:"rows of the rejects table"`
	Warnings      []string           `json:"warnings" doc:"what may have gone wrong in a job that is done"`
	Skipped       []ManifestInput    `json:"skipped" doc:"inputs that the result is without, as they could not be processed; with the members of inputs"`
	Outputs       []Output           `json:"outputs" doc:"the files of the result's tables, by key"`
	Cancelled     bool               `json:"cancelled,omitempty" doc:"there will be no result; this stands here while the rest is removed"`
	Job           string             `json:"job,omitempty" doc:"the job that was cancelled"`
}

// ProtocolSummary is what came of a protocol's records.
type ProtocolSummary struct {
	Flagged    int64            `json:"flagged" doc:"records past filter and duplicates"`
	Classified int64            `json:"classified" doc:"of these, those with a label"`
	Labels     map[string]int64 `json:"labels" doc:"records by label"`
}

// ReuseSummary counts the groups of the reuse table.
type ReuseSummary struct {
	Certificates int64 `json:"certificates" doc:"rows that are certificates"`
	Keys         int64 `json:"keys" doc:"rows that are keys"`
}

// Summary is the result in figures.
type Summary struct {
	Protocols map[string]ProtocolSummary `json:"protocols" doc:"by protocol"`
	Reuse     ReuseSummary               `json:"reuse" doc:"rows of the reuse table"`
	Lines     Lines                      `json:"lines" doc:"as in the manifest"`
	Records   Records                    `json:"records" doc:"as in the manifest"`
	Rejects   int64                      `json:"rejects" doc:"as in the manifest"`
	Warnings  []string                   `json:"warnings" doc:"as in the manifest"`
	Skipped   []ManifestInput            `json:"skipped,omitempty" doc:"as in the manifest; absent where there are none"`
}

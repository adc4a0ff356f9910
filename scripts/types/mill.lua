---@meta
-- luacheck: ignore

-- scripts/types/mill.lua: what an editor (lua-language-server) knows of `mill`, the one object that a plugin gets. It is
-- never loaded by the server. docs/plugin-api.md says the same in sentences; `make lint` compares the two, and both with
-- scripts/api.lua.

---A text in both languages. Both are needed wherever people read it.
---@class mill.Text
---@field en string
---@field zh string

---An id as the outside knows it: 13 letters and digits.
---@alias mill.Id string

---A record: its fields by name, and these. An empty field is nil. Times and dates are texts, references are ids.
---@class mill.Record
---@field id mill.Id
---@field version integer
---@field created_at string RFC 3339, UTC
---@field changed_at string RFC 3339, UTC
---@field archived_at? string RFC 3339, UTC
---@field [string] any

---An exact decimal, or an amount of money. It never changes. `tostring` gives the number.
---@class mill.Amount
---@operator add(mill.Amount): mill.Amount
---@operator sub(mill.Amount): mill.Amount
---@operator mul(integer): mill.Amount
---@operator unm: mill.Amount
local Amount = {}

---The amount in its smallest unit: 1250 for 12.50.
---@return integer
function Amount:units() end

---How many digits stand after the point.
---@return integer
function Amount:scale() end

---Three capital letters, or nil for a plain decimal.
---@return string?
function Amount:currency() end

---@return boolean
function Amount:is_zero() end

---@class mill.Null
---@class mill.Problem
---@class mill.Ref

---What a list may be asked.
---@class mill.Question
---@field where? table<string, any> field or "field.operator" → value
---@field sort? string such as "-score,name"
---@field limit? integer 50 without it, at most 1,000

---The records of one entity, as the running code may see and change them.
---@class mill.Records
local Records = {}

---The record with that id, or nil.
---@param record mill.Id|mill.Record|nil
---@return mill.Record?
function Records:get(record) end

---The first record whose fields equal these, or nil.
---@param where table<string, any>
---@return mill.Record?
function Records:find(where) end

---@param question? mill.Question
---@return mill.Record[]
function Records:list(question) end

---@param fields table<string, any>
---@return mill.Record
function Records:create(fields) end

---Changes fields; `mill.null` clears one. What is already so is no change.
---@param record mill.Id|mill.Record
---@param fields table<string, any>
---@return mill.Record
function Records:update(record, fields) end

---Hides the record from lists. It stays readable by its id.
---@param record mill.Id|mill.Record
---@return mill.Record
function Records:archive(record) end

---Moves the record along its lifecycle.
---@param record mill.Id|mill.Record
---@param move string
---@param fields? table<string, any> only fields that the move sets
---@return mill.Record
function Records:move(record, move, fields) end

---The records of all entities: `mill.db.lead:create { … }`.
---@class mill.Db
---@field [string] mill.Records
local Db = {}

---The same with the rights of another: a user, or "system".
---@param user mill.Id|mill.Record|"system"
---@return mill.Db
function Db:as(user) end

---What plugin.lua returns.
---@class mill.Manifest
---@field name string the folder's name
---@field version string such as "1.2.0"
---@field api integer 1
---@field title? mill.Text
---@field needs? table<string, string> plugin → version, such as "^1.2"
---@field settings? table<string, mill.Setting|any> name → setting; in a pack also name → value of a plugin's setting
---@field permissions? table<integer|string, string|string[]> such as `{ "elevate", net = { "erp.example.com" } }`

---A setting, as a manifest declares it.
---@class mill.Setting
---@field type "text"|"integer"|"boolean"|"duration"|"currency"
---@field default any
---@field label mill.Text

---What pack.lua of a client pack returns.
---@class mill.Pack: mill.Manifest
---@field seed? string[][] `{ mapping, file }` …, imported in order at the first start
---@field welcome? mill.Text what the server prints at its start
---@field demo_logins? boolean true: it brings logins with a known password

---A field: `{ "score", "integer", min = 0, label = { en = …, zh = … } }`.
---@class mill.Field
---@field [1] string its name
---@field [2] "text"|"long_text"|"email"|"phone"|"url"|"integer"|"decimal"|"money"|"boolean"|"date"|"timestamp"|"choice"|"state"|"reference"|"password"
---@field label mill.Text
---@field required? boolean
---@field default? any "actor" in a reference: the actor's own position, unit or user
---@field max? integer texts: characters; integer: the largest value
---@field min? integer integer, money: the smallest value
---@field lower? boolean texts are kept in lower case
---@field scale? integer decimal: digits after the point
---@field to? string reference: the entity
---@field values? table[] choice: `{ "high", en = …, zh = … }` …
---@field write? "system" only rules and imports may set it

---@class mill.Entity
---@field label mill.Text
---@field plural? mill.Text
---@field fields mill.Field[]
---@field display? string the field that names a record
---@field key? string the natural key: unique, and how imports find a record
---@field owner? string the field that the policy `own` compares; "owner" without it
---@field unit? string the field that `unit`, `unit_subtree`, `partner` compare; "unit" without it
---@field unique? string[][] lists of fields
---@field index? string[][] lists of fields

---@class mill.Extension
---@field fields? mill.Field[]
---@field unique? string[][]
---@field index? string[][]

---@class mill.Move
---@field from string|string[]
---@field to string
---@field sets? string[] fields that may come with the move
---@field label? mill.Text

---@class mill.Lifecycle
---@field initial string
---@field states table[] `{ "new", en = …, zh = … }` …
---@field moves? table<string, mill.Move>

---@class mill.Grant
---@field role string a role's code
---@field allow "all"|string[] read, create, update, archive, decisions, and names of moves and actions
---@field where? "all"|"own"|"unit"|"unit_subtree"|"unit_above"|"partner"|table<string, string> `{ unit_subtree = "id" }` names another field
---@field fields? string[] which fields it shows or lets change; all without it
---@field metered? mill.Meter how many records each user may see by it; without it, as many as there are

---What a user may see through the grants of a role.
---@class mill.Meter
---@field records integer so many records
---@field per string in such a time from the first: "1d"; at least "1m", at most "31d"

---@class mill.Rule
---@field title mill.Text
---@field on string|string[] "visit.created", "visit.changed", "visit.archived"
---@field run fun(record: mill.Record, before?: mill.Record)
---@field uses? string[] the decisions that `run` asks
---@field invariant? boolean true: when `run` raises, the request fails

---@class mill.Decision
---@field title mill.Text
---@field facts? table[] `{ "score", of = "lead.score", label = … }` …
---@field outcome? table[] `{ "channel", type = …, values = …, label = … }` …
---@field hit? "first"|"unique" of a table
---@field rows? any[][] of a table: a test for each fact, then a value for each outcome
---@field decide? fun(facts: table<string, any>): table<string, any> instead of rows

---@class mill.Action
---@field title mill.Text
---@field run fun(record: mill.Record, body: table): any

---@class mill.Page
---@field file string in the plugin's folder: html, css, js, svg, png, ico or webmanifest. `FILE.gz` beside it is its packed form; else one is made when it is asked for, of up to 1 MiB
---@field immutable? boolean `true`: the file's name changes with its content, so browsers keep it for a year and never ask again

---@class mill.Given
---@field entity string
---@field key table<string, any>
---@field set? table<string, any>
---@field incomplete? boolean sets the record's field `incomplete`

---@class mill.Mapping
---@field title? mill.Text
---@field columns string[] what the file's header must have
---@field record fun(row: table<string, string>, note: fun(code: string)): mill.Given|mill.Given[]|nil
---@field from? table<string, string> field → column, for the rejects file
---@field notes? table<string, mill.Text> what a note means, for the report
---@field migration? boolean true: reactions stay silent

---@class mill.Cache
---@field title mill.Text what it holds
---@field entries integer how many values it keeps at most
---@field within? string a duration: the value may be read from records, for the running actor, and be that old
---@field make fun(key: string|integer|boolean): any the value of a key: plain, and not to be told from one made now

---@class mill.ProblemSpec
---@field status? integer 400 to 499; 422 without it
---@field code? string for programs; "refused" without it
---@field field? string which field is wrong
---@field message mill.Text
---@field title? mill.Text

---@class mill.Cause
---@field kind "request"|"rule"|"import"|"test"|"system"|"command"
---@field id? string
---@field version? string

---@class mill
---@field db mill.Db `mill.db.lead:create { … }`
---@field null mill.Null clears a field
mill = {}

---Declares what is stored.
---@param name string
---@return fun(spec: mill.Entity): mill.Entity
function mill.entity(name) end

---Adds fields to an entity of another plugin.
---@param name string
---@return fun(spec: mill.Extension): mill.Extension
function mill.extend(name) end

---Declares the states of an entity and the moves between them.
---@param name string
---@return fun(spec: mill.Lifecycle): mill.Lifecycle
function mill.lifecycle(name) end

---Declares who may do what with an entity's records.
---@param name string
---@return fun(grants: mill.Grant[]): mill.Grant[]
function mill.access(name) end

---Declares what must hold, or what happens next.
---@param name string
---@return fun(spec: mill.Rule): mill.Rule
function mill.rule(name) end

---Declares a pure function from facts to an outcome.
---@param name string
---@return fun(spec: mill.Decision): mill.Decision
function mill.decision(name) end

---Declares a command on one record: `POST /api/v1/ENTITY/ID/ACTION`.
---@param name string "entity.action"
---@return fun(spec: mill.Action): mill.Action
function mill.action(name) end

---Declares a file that browsers may get.
---@param path string such as "/visits.html"
---@return fun(spec: mill.Page): mill.Page
function mill.page(path) end

---Declares how rows of a CSV file become records.
---@param name string
---@return fun(spec: mill.Mapping): mill.Mapping
function mill.mapping(name) end

---Declares what is kept from one request to the next, and returns what asks it: `rate("CNY")`.
---@param name string
---@return fun(spec: mill.Cache): fun(key: string|integer|boolean): any
function mill.cache(name) end

---Decides about a record, and writes down why.
---@param name string
---@param record mill.Record
---@return table<string, any> outcome
function mill.decide(name, record) end

---Takes the next seat of a selector; nil when nobody is there.
---@param selector string "unit:CODE" or "position:CODE"
---@param record mill.Record
---@return mill.Record? position
function mill.assign(selector, record) end

---The time of this unit of work.
---@return string RFC 3339, UTC
function mill.now() end

---The time that lies a duration after now.
---@param duration string such as "30m", "4h", "3d"
---@return string RFC 3339, UTC
function mill.after(duration) end

---Today's date in UTC.
---@return string such as "2026-11-23"
function mill.today() end

---What made the running code run.
---@return mill.Cause
function mill.cause() end

---Writes a line to the server's log.
---@param level "debug"|"info"|"warn"|"error"
---@param text any
function mill.log(level, text) end

---The value of a setting, which the manifest of some plugin declares and a client pack may change.
---@param name string
---@return any
function mill.setting(name) end

mill.text = {}

---The text as it is compared when neither case nor width nor the form of a letter shall count.
---@param text string at most 256 KiB
---@return string
function mill.text.fold(text) end

---The text as people type it to find it: Chinese characters as syllables of pinyin, everything else folded.
---@param text string at most 4 KiB
---@return string
function mill.text.pinyin(text) end

---The words of the text, without blanks and punctuation.
---@param text string at most 64 KiB
---@param language? "en"|"zh" the reader's without it
---@return string[]
function mill.text.words(text, language) end

---Bytes whose order is that of the texts in the language; of Chinese, by pinyin.
---@param text string at most 64 KiB
---@param language? "en"|"zh" the reader's without it
---@return string
function mill.text.sort_key(text, language) end

---A number or an amount as people write it.
---@param number integer|mill.Amount|string
---@param language? "en"|"zh" the reader's without it
---@return string
function mill.text.number(number, language) end

---A day as people write it.
---@param day string such as "2026-11-23"
---@param language? "en"|"zh" the reader's without it
---@param style? "short"|"medium"|"long" medium without it
---@return string
function mill.text.date(day, language, style) end

---A time as people write it where the clocks are those of a zone.
---@param time string RFC 3339
---@param zone string such as "Asia/Shanghai"
---@param language? "en"|"zh" the reader's without it
---@param style? "short"|"medium"|"long" medium without it
---@return string
function mill.text.time(time, zone, language, style) end

---An amount of money.
---@param text string|integer such as "12.50"
---@param currency string three capital letters
---@return mill.Amount
function mill.money(text, currency) end

---What went wrong for the caller, to be raised: `error(mill.problem { … })`.
---@param spec mill.ProblemSpec
---@return mill.Problem
function mill.problem(spec) end

---In a mapping: the record of an entity that has these values.
---@param entity string
---@param key table<string, any>
---@return mill.Ref
function mill.ref(entity, key) end

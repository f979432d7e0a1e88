"""The words in which a vendor is declared.

Belongs here: the frozen types a ``vendors/<slug>.py`` file is written in, and nothing that does anything.
Does not belong here: sending, paging, waiting or retrying (``client``, ``paging``, ``limits``, ``auth``).

A vendor is a kind (``shopify``); a system is one configured account of it (``web_uk``). Wherever the
vocabulary cannot say a thing, an object with the slot's protocol is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from cogent_pipelines.errors import Reject, Retry
from cogent_pipelines.estate import Scope

Json = Any
"""A decoded JSON value."""


@dataclass(frozen=True, slots=True)
class System:
    """One configured account, as the connect layer needs it. Secrets are looked up by name when used."""

    name: str
    """As the estate calls it (``web_uk``)."""
    vendor: str
    """Slug of its vendor file (``shopify``)."""
    base_url: str
    secrets: Mapping[str, str]
    """What the vendor calls a secret -> the environment variable that holds it (or ``<NAME>_FILE``)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Facts of this account a vendor file needs: API version, the WMS's channel id, and the like."""
    scope: Scope | None = None
    """What of its account is ours, where brands share it."""
    account: str = ""
    """Limiter state is kept per account; empty means the system's own name."""
    loopback_only: bool = False
    """A sandbox: nothing may leave this machine."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, relative to the system's base URL."""

    method: str
    path: str
    """Under the base URL, or a whole address on the same host."""
    params: tuple[tuple[str, str], ...] = ()
    """The query: (name, value) pairs in order."""
    body: Json = None
    """Sent as JSON; None: without a body."""
    form: Mapping[str, str] | None = None
    """Sent URL-encoded, in place of ``body``."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside those that every request has and those that authenticate."""
    cost: float = 1.0
    """Expected cost in the limit's own units (calls, or GraphQL points)."""
    is_write: bool = False
    """Whether it may change anything: then it goes out once, and only with the ledger's intent."""
    base: str = ""
    """The option of the system that holds the address ``path`` is under, where a vendor has several; "", or an option
    the estate does not have, is the base URL."""
    absent: frozenset[int] = frozenset()
    """Statuses that say there is no such record: such an answer's body is JSON's null, and no error."""
    auth: Auth | None = None
    """Other credentials than the vendor's, for an address that takes only these (an older API beside a newer)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, body undecoded. ``json()`` decodes it (raises ``Retry`` when it is not JSON)."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    content: bytes
    """The body, decompressed."""
    read_at: datetime

    def json(self) -> Json:
        """The body as Python objects, None for 204. Raises ``Retry`` (effect unknown) when it is not JSON."""
        if self.status == 204 and not self.content:  # noqa: PLR2004  by its status there is none
            return None
        try:
            return msgspec.json.decode(self.content)
        except msgspec.DecodeError as error:
            head = self.content[:60].decode("utf-8", "replace")
            raise Retry(f"the answer is not JSON ({error}); it begins {head!r}", effect="unknown") from error


@dataclass(frozen=True, slots=True)
class Window:
    """What to read: records changed in [start, end). ``start`` None reads everything."""

    start: datetime | None
    end: datetime
    known: tuple[Mapping[str, Json], ...] = ()
    """What ``Stream.known`` selected just before the read: column -> value."""


# --- how to get in, how fast, how far ----------------------------------------------------------------


class Auth(Protocol):
    """Puts credentials on a request. Implementations: ``connect/auth.py``.

    An optional method ``params(system)`` gives query parameters that authenticate, as (name, value) pairs. An optional
    method ``sign(system, method, url)`` gives headers that sign one request as it goes out, at its whole address; what
    ``headers`` gives is then the same for all, and may be nothing.
    """

    async def headers(self, system: System, send: Any, *, renew: bool = False) -> Mapping[str, str]:
        """The headers that authenticate; ``renew`` after a 401 asks for fresh ones."""
        ...


class Limit(Protocol):
    """How much may be sent. Implementations: ``connect/limits.py`` (LeakyBucket, CostBudget, HeaderQuota, PacedQuota)."""

    @property
    def capacity(self) -> float:
        """How much may be spent at once."""
        ...

    @property
    def per_second(self) -> float:
        """How fast what was spent comes back."""
        ...

    @property
    def concurrent(self) -> int:
        """How many requests one process may have under way."""
        ...

    def learn(self, answer: Answer) -> Any:
        """What the answer says of the limit's state (``limits.Seen``), or None."""
        ...


class Paging(Protocol):
    """Where the next page is. Implementations: ``connect/paging.py``.

    An optional attribute ``beside`` names what stands beside the records in the body; ``envelope`` holds it.
    """

    def first(self, request: Request) -> Request:
        """``request`` with this paging's own parameters on it."""
        ...

    def next(
        self, request: Request, answer: Answer, count: int, envelope: Mapping[str, Any]
    ) -> Request | None:
        """The request for the page after ``answer`` (which had ``count`` records), or None at the end.

        ``envelope`` is what stood beside the records in the body, as far as ``beside`` names it.
        """
        ...


# --- reading ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cursor:
    """How a stream is read by increments: on which field, and how far each window looks back."""

    field: str
    """The record's field that says when it changed."""
    overlap: timedelta = timedelta(minutes=10)
    """A record may show, or be dated, so much later than it changed."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of a stream that is read by many: about things we know by name, or one for each place there is."""

    request: Request
    """Its first page, where the stream has paging."""
    about: Json = None
    """What it asks about, for ``Stream.rows``."""
    part: str = ""
    """The part of the stream it belongs to (a facility, an account). A refusal (``Reject``) ends this part, which is
    set aside, and leaves the others."""


def _has_no_list(window: Window, system: System) -> Request:  # noqa: ARG001
    raise Reject("there is no list of these", code="no_list")


@dataclass(frozen=True, slots=True)
class Inner:
    """A nested list that a page cuts off: where it is in the record, and how the rest of it is asked for."""

    path: str
    """Dotted path of the connection inside the record (``lineItems``); it may lead through a list."""
    request: Callable[[Mapping[str, Json], str], Request]
    """(record, after-cursor) -> request for the next part of the list. Where the path leads through a list,
    the element of it that holds the connection stands for the record."""
    answer: str
    """Dotted path of the same connection inside that request's answer."""


@dataclass(frozen=True, slots=True)
class Part:
    """A list that belongs in a record and has an address of its own: asked for record by record.

    A record is complete only with all its parts: when one of them cannot be read, its page is not read.
    """

    path: str
    """Dotted path of the list inside the record. What the record held there (a link, or the first of the rows) is
    replaced; a list that was longer than the one read is an error."""
    request: Callable[[Mapping[str, Json], System], Request | None]
    """The record -> the request for its list. None where the record itself says that what it holds there is all:
    nothing, unless it is a list."""
    paging: Paging | None = None
    """None: one answer holds all."""
    records: str = ""
    """Dotted path of the list in that answer, as ``Stream.records``."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document of any kind that a record has at an address of its own, and that its vendor may not keep."""

    request: Callable[[Mapping[str, Json], System], Request | None]
    """The record -> the request for its document; None where there is none to be had."""
    fields: Callable[[Mapping[str, Json], bytes | None, System], Mapping[str, Json]]
    """(record, the document's bytes, system) -> what is put on the record. The bytes are None where none were asked
    for, and where they are absent (``Request.absent``)."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """A first load by the vendor's export: started, polled and downloaded as a file of lines."""

    start: Callable[[Window, System], Request]
    """(window, system) -> the request that starts the export."""
    started: Callable[[Json], str]
    """The start's answer -> operation id."""
    poll: Callable[[str, System], Request]
    """(operation id, system) -> the request that asks how far it is."""
    finished: Callable[[Json], str | None]
    """The poll's answer -> URL of the file ("" for no rows), None while it runs; raises Retry or Reject."""
    children: Mapping[str, str]
    """Kind of a child line (as its id names it) -> dotted path of the list in its parent."""
    is_partial: Callable[[Mapping[str, Json]], bool] | None = None
    """Whether an exported record has parts that an export cannot hold; such a one is read again by its id."""
    again: Callable[[Sequence[str]], Request] | None = None
    """Ids -> request for the whole records."""
    again_records: str = "data.nodes"
    """Dotted path of the list of records in that request's answer."""
    again_batch: int = 10
    """How many ids go into one such request."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record: how it is read and how one version of it is told from another.

    Its records come from a list (``request``, in pages), from many requests (``asks``), or from files (``folder``).
    """

    name: str
    """Also its raw table's name in the schema named after the vendor."""
    request: Callable[[Window, System], Request] = _has_no_list
    """(window, system) -> the request for the list's first page."""
    records: str = ""
    """Dotted path of the list of records in the answer; "" when the body is the list."""
    paging: Paging | None = None
    """None: one answer holds all."""
    key: str = "id"
    """Dotted path of what tells one record from another; read as text."""
    version: str | None = None
    """Field whose greater value is the newer version; None: the later read is."""
    cursor: Cursor | None = None
    also: tuple[Callable[[Window, System], Request], ...] = ()
    """Further passes whose records belong to the same stream (a list that hides some states)."""
    asks: Callable[[Window, System], Sequence[Ask]] | None = None
    """In place of ``request`` and ``also``: as many requests as there are things or places to ask about."""
    known: str = ""
    """SELECT over our warehouse, with $system: what there is to ask about, handed to ``asks`` as ``Window.known``. None
    of it while a table it reads is not there yet."""
    further: Callable[[Ask, int | Reject, System], Sequence[Ask]] | None = None
    """(what was asked, how many records it was answered or its refusal, system) -> what to ask as well: the file after this
    one, the halves of a span that holds too much. Raises the refusal where nothing is to be asked in its place."""
    folder: str = ""
    """In place of requests: the option of the system that names the folder a vendor drops its messages in, each file a
    page."""
    rows: Callable[[Json, Json], Sequence[Json]] | None = None
    """In place of ``records``: (what was asked about, or the file's name; the decoded answer) -> its records. Raises
    ``Retry`` for an answer of another shape, which must never pass for an empty one."""
    decode: Callable[[bytes], Json] | None = None
    """How a body is decoded for ``rows``, where it is not JSON (a CSV file). Raises ``Retry`` for half of one."""
    keeps: bool = False
    """What a read does not hold is not gone, and nobody looks for it daily: only some was asked about, files are thrown
    away, or the records are a book's, in which nothing is undone by being left out."""
    inner: tuple[Inner, ...] = ()
    """Nested lists that go on by a cursor (GraphQL's connections)."""
    parts: tuple[Part, ...] = ()
    """Lists of a record that have an address of their own."""
    document: Document | None = None
    """What each record has at an address of its own that is no list."""
    kept: timedelta | None = None
    """How long the vendor keeps what this stream reads; the estate's cadence must leave three readings in that time: one
    to know of it, one that may fail, and one more. None: for good."""
    bulk: Bulk | None = None
    """How the first load is exported, where the vendor does that."""
    entity: str = ""
    """The estate's entity whose cadence applies: orders, shipments, stock, products, payouts, ..."""
    roles: frozenset[str] = frozenset()
    """As what a system must be in the estate for it to be read: where the goods lie is asked of a warehouse only. None:
    whatever it is."""
    total: Callable[[Answer], int | None] | None = None
    """The vendor's own count of what the list holds, where it gives one."""
    ids: Callable[[Window, System], Request] | None = None
    """A cheaper request for the daily sweep, whose records need hold only the key; None: ``request``."""
    left_out: tuple[str, ...] = ()
    """Fields known to be in the records and kept out of the raw table on purpose: dotted paths, ``[]`` for a
    list; one that ends in ``*`` means every path that begins so. What is in neither is news."""
    levels: str = ""
    """SELECT over ``{rows}`` (the raw rows just found new or changed) giving facility_ref, sku and available:
    stock levels, noted in ops.stock_changes where they differ from the last one noted."""


# --- writing ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Want:
    """One thing that should be true at a target: a row of a ``wanted`` view, as a vendor file sees it."""

    sync: str
    """The sync it belongs to (``orders_to_wms``)."""
    act: str
    """What is to be done there (``create``)."""
    key: str
    """Its business key: what makes it one thing."""
    reference: str
    """What we put on the target's record to find it again."""
    fields: Mapping[str, Any]
    """The row's columns."""
    refs: Mapping[str, str] = field(default_factory=dict)
    """Earlier steps of the same promise: action -> id at the target."""
    prepared: Sequence[Json] = ()
    """The decoded answers to ``Write.prepare``, while the request that rests on them is built."""
    scope: Scope | None = None
    """What of the target's account is ours, where brands share it."""

    def is_foreign(self, channel: str | None, skus: Sequence[str | None]) -> bool:
        """Whether a record of the target's is another brand's, and so no answer to this want.

        One of a SKU that the want itself has is not foreign by its SKUs: what was sent must be found again.
        """
        if self.scope is None:
            return False
        own = {line.get("sku") for line in self.fields.get("lines") or ()}
        return self.scope.is_foreign(channel, () if own & set(skus) else skus)


@dataclass(frozen=True, slots=True)
class Found:
    """What the target holds for a want: its own id and the comparable fields, in our words."""

    ref: str
    """The target's own id."""
    fields: Mapping[str, Any]
    """Named as in the want; ``Write.compare`` says which must be equal."""
    count: int = 1
    """How many records of the target answer to this want; more than one is a double."""
    refused: str = ""
    """The target's words where it accepted the write and will not carry it out (a queue that answers later)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list whose recent records answer for a whole batch: ``found(want, [the records of its reference])``.

    Before a first send it is read since the last complete read of what ``wanted`` was computed from; to
    read back, since the sends. A list may lag: what is absent from it after a send, and every unknown
    outcome, is asked for by ``Lookup.requests``.
    """

    stream: Stream
    reference: Callable[[Json], str]
    """A record -> the reference its want would carry."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """How the target is asked what it holds: before a send, after an unknown outcome, and to read back."""

    requests: Callable[[Sequence[Want], System], Sequence[Request]]
    found: Callable[[Want, Sequence[Json]], Found | None]
    """(want, decoded answers of every request of its batch) -> what is there, or None. Exact matches only."""
    batch: int = 1
    """How many wants one set of ``requests`` asks about."""
    further: Callable[[Sequence[Want], Sequence[Json], System], Sequence[Request]] | None = None
    """(wants, decoded answers so far, system) -> what must be asked as well (the rest of a list they cut off), until
    that is nothing. Its answers stand behind those of ``requests``; what ``listing`` gives is not asked about."""
    listing: Listing | None = None
    """A list that answers for many wants where ``requests`` costs calls per want; None: ask one by one."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to one want of a write: accepted with the target's id, or refused with its reason."""

    ref: str = ""
    """The target's id of what it accepted."""
    refused: str = ""
    """The vendor's words of a refusal; "" when it accepted."""
    code: str = "rejected"
    """Groups alike refusals (``unknown_sku``)."""
    run: str = ""
    """The id of a bridge's run that is to carry what was accepted (``Route``); it is no receipt of any effect."""
    again: bool = False
    """Refused for a reason that a re-read and a new key cure (compare-and-set, concurrent request)."""


def _satisfied(want: Want, found: Found) -> bool:  # noqa: ARG001
    return True


def _allowed(want: Want, found: Found | None) -> None:
    """Nothing forbids the write."""


def _hides_nothing(request: Request, answer: Answer) -> None:
    """Nothing hides in an answer."""


def _is_about_speed(answer: Answer) -> bool:  # noqa: ARG001
    """A 429 is a 429."""
    return True


@dataclass(frozen=True, slots=True)
class Write:
    """One kind of write: its pure payload builder, how its answer is read, and how its effect is seen."""

    action: str
    """Names it among the writes of one act (``create_order``)."""
    request: Callable[[Sequence[Want], System, str], Request]
    """(wants of one batch, system, idempotency key) -> request."""
    receipts: Callable[[Sequence[Want], Json], Sequence[Receipt]]
    """(wants, decoded 2xx answer) -> one receipt per want, in order."""
    lookup: Lookup
    """How its effect is found; also before it is sent."""
    done: Callable[[Want, Found], bool] = _satisfied
    """Whether what was found already satisfies the want (an order that exists; a level that equals)."""
    guard: Callable[[Want, Found | None], None] = _allowed
    """Raises ``Reject`` when the target's present state forbids the write (past the point of no return)."""
    compare: tuple[str, ...] = ()
    """Fields of the want that must equal the found fields at read-back."""
    batch: int = 1
    """How many wants go into one request."""
    has_idempotency: bool = False
    """Whether the target does a request once however often it comes with the same key."""
    settle: timedelta = timedelta(seconds=60)
    """How long after an unknown outcome the target may still show no effect (longest request + list lag)."""
    is_alone: bool = False
    """Its requests go one after the other and beside no other write to the system."""
    prepare: Callable[[Want, System], Request | None] | None = None
    """What the target must be asked before the send and what has no effect by itself (an edit that is opened and filled
    in, to be committed by the send): the next request, given the answers so far as ``Want.prepared``, until None. Asked
    anew before each send. Only of a write whose requests carry one want."""


@dataclass(frozen=True, slots=True)
class Carried:
    """Where a bridge has what it was given. Neither: it never had it, has lost it, or is done with it."""

    is_under_way: bool = False
    """It waits or runs, or something does that may be it."""
    failed_run: str = ""
    """The id of its run, where that failed."""


@dataclass(frozen=True, slots=True)
class Route:
    """How a bridge carries another system's writes: a flow of it is given the request that would have been sent there.

    The target alone says what came of it. The bridge is asked only where the target lacks it, so that nothing is given
    to it a second time that may still arrive.
    """

    base: str
    """The option of the bridge that holds the address flows are started at."""
    request: Callable[[str, str, Request], Request]
    """(the flow's id, our reference, the target's own request) -> the request that starts the flow with it."""
    run: Callable[[Json], str]
    """The answer to that -> the id of the run, "" where it tells none. An answer says nothing of any effect."""
    asked: tuple[str, ...]
    """Streams that tell what waits and what ran, in the order in which something passes through them."""
    carried: Callable[[str, str, str, datetime, Mapping[str, Sequence[Json]]], Carried]
    """(the flow's id, our reference, the run's id or "", since when, stream -> its records) -> where it is."""
    log: Callable[[str], Request]
    """A run's id -> the request for what it says of its failure."""
    reason: Callable[[Json], str]
    """The answer to that -> why it failed."""
    settle: timedelta = timedelta(seconds=60)
    """How long something takes through the bridge, beside what the target takes (``Write.settle``)."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """A kind of system: everything the engine needs to talk to it, as facts."""

    slug: str
    """Its file's name, its schema's, and what an estate calls it."""
    title: str
    """Its name for people."""
    roles: frozenset[str]
    """What a system of it may be in an estate: channel, warehouse, erp, payments, bridge."""
    hosts: tuple[str, ...]
    """Host name patterns a live system of this vendor may have (fnmatch)."""
    secrets: tuple[str, ...]
    """What its logins need: names under which the estate says which environment variables hold them."""
    auth: Auth
    limit: Limit
    streams: tuple[Stream, ...]
    writes: Mapping[tuple[str, str], tuple[Write, ...]]
    """(sync, act) -> the writes that carry it out, in order."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Option of a system in the estate -> what it says, with what holds where it is left out."""
    route: Route | None = None
    """How it carries the writes of others, where it is a bridge that can."""
    check: Callable[[Request, Answer], None] = _hides_nothing
    """Raises Retry, Reject or Halt for errors that hide in a 2xx answer or in this vendor's bodies."""
    is_throttle: Callable[[Answer], bool] = _is_about_speed
    """Whether an answer whose status means too fast (429) does: some refuse what is invalid with it too."""
    probe: Callable[[System], Request] | None = None
    """The cheapest request that proves the credentials good."""
    pages: Mapping[str, str] = field(default_factory=dict)
    """Entity -> the vendor's own page of it, with {admin} and {id}."""
    shows_channels: bool = False
    """Whether its orders tell by which of the account's channels they came in (``channel_id`` in staging)."""
    tells_customers: bool = False
    """Its shop tells the customer of a shipment when it is made (some whether asked or not) and cannot be asked to later."""
    item_details: frozenset[str] = frozenset()
    """Which of weight, barcode and origin its items have a field for: what has none cannot lack it."""
    max_page_bytes: int = 50_000_000
    """A decompressed answer larger than this is refused before it fills the memory."""
    download_hosts: tuple[str, ...] = ()
    """Host name patterns that finished exports of a live system may be fetched from (fnmatch)."""

    def streams_of(self, role: str) -> tuple[Stream, ...]:
        """What is read of a system that plays ``role``."""
        return tuple(stream for stream in self.streams if not stream.roles or role in stream.roles)

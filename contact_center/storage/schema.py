"""The tables. Rows have no behaviour; what is unique or checked here is what no race may break."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect


class Json(TypeDecorator[Any]):
    """JSON in a text column, through orjson: the databases never look inside."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = String(64)
Key = String(400)
Serial = BigInteger().with_variant(Integer, "sqlite")

# A partial index is used only where the query says the index's own condition, word for word and as a literal.
OPEN = text("state <> 'ended'")
THREADED = text("thread_key <> ''")
UNSENT = text("state IN ('queued', 'sending', 'retry')")
UNDELIVERED = text("state IN ('failed', 'uncertain')")
MERGED = text("merged_into > 0")
LINKED = text("linked_to > 0")
PENDING = text("state = 'pending'")
LIVE_CASE = text("status <> 'closed' AND merged_into = 0")
ENDED = text("state = 'ended'")
RENAMED = text("updated_at > first_seen_at")

# --- customers and cases ---------------------------------------------------------------------------------------

customers = Table(
    "customers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False, default=""),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # Whom the house takes them for, whose account they are, and whom they ask for: an agent's ids, the first first.
    Column("segment", Id, nullable=False, server_default=text("''")),
    Column("owner", Id, nullable=False, server_default=text("''")),
    Column("preferred", Json, nullable=False, server_default=text("'[]'")),
    # Whose name changed since: the search looks for them here, and for nobody else.
    Index("ix_customers_renamed", "updated_at", sqlite_where=RENAMED, postgresql_where=RENAMED),
)

contact_points = Table(
    "contact_points",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("value", Key, primary_key=True),
    Column("customer_id", Id, nullable=False, index=True),
    Column("first_seen_at", BigInteger, nullable=False),
    # Why nothing reaches it any more, and since when: a bounce said so.
    Column("trouble", Text, nullable=False, server_default=text("''")),
    Column("trouble_at", BigInteger, nullable=False, server_default=text("0")),
)

cases = Table(
    "cases",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("customer_id", Id, nullable=False),
    Column("subject", String(400), nullable=False, default=""),
    Column("status", String(16), nullable=False),
    Column("queue", Id, nullable=False, default=""),
    Column("agent_id", Id, nullable=False, default=""),
    Column("opened_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=False, default=0),
    # The case that it was merged into, and the one that it may belong to (``suggested | refused``).
    Column("merged_into", BigInteger, nullable=False, server_default=text("0")),
    Column("linked_to", BigInteger, nullable=False, server_default=text("0")),
    Column("link_state", String(16), nullable=False, server_default=text("''")),
    Index("ix_cases_merged_into", "merged_into", sqlite_where=MERGED, postgresql_where=MERGED),
    Index("ix_cases_linked_to", "linked_to", sqlite_where=LINKED, postgresql_where=LINKED),
    Index("ix_cases_customer_id_status", "customer_id", "status"),
    # Every list of cases is read along one of these two, in order, and filtered without touching the rows.
    Index("ix_cases_updated_at", "updated_at", "id", "status", "queue", "agent_id", "merged_into"),
    Index(
        "ix_cases_live",
        "updated_at",
        "id",
        "status",
        "queue",
        "agent_id",
        "merged_into",
        sqlite_where=LIVE_CASE,
        postgresql_where=LIVE_CASE,
    ),
    sqlite_autoincrement=True,
)

# --- the record ------------------------------------------------------------------------------------------------

interactions = Table(
    "interactions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", BigInteger, nullable=False),
    Column("customer_id", Id, nullable=False),
    Column("channel", String(32), nullable=False),
    Column("medium", String(16), nullable=False),
    Column("thread_key", Key, nullable=False, default=""),
    Column("state", String(16), nullable=False),
    Column("queue", Id, nullable=False, default=""),
    Column("agent_id", Id, nullable=False, default=""),
    Column("epoch", Integer, nullable=False, default=0),
    Column("started_at", BigInteger, nullable=False),
    Column("last_message_at", BigInteger, nullable=False, default=0),
    Column("queued_at", BigInteger, nullable=False, default=0),
    Column("answered_at", BigInteger, nullable=False, default=0),
    Column("ended_at", BigInteger, nullable=False, default=0),
    Column("ended_reason", String(16), nullable=False, default=""),
    Column("record", Json, nullable=False),
    # What it counts as against an agent's ``most_of``; empty: as nothing.
    Column("label", String(64), nullable=False, server_default=text("''")),
    # What routing asks of the record, as JSON (:mod:`contact_center.storage.gist`).
    Column("waits", Text),
    Column("served", Text),
    # One owner: a case has at most one open interaction, hence at most one live offer or assignment.
    Index(
        "uq_interactions_open_case",
        "case_id",
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    ),
    # Two nodes that take in the first two messages of one conversation cannot open it twice.
    Index(
        "uq_interactions_open_thread",
        "channel",
        "thread_key",
        unique=True,
        sqlite_where=text("state <> 'ended' AND thread_key <> ''"),
        postgresql_where=text("state <> 'ended' AND thread_key <> ''"),
    ),
    Index("ix_interactions_thread", "channel", "thread_key", "started_at"),
    Index("ix_interactions_case_id", "case_id"),
    Index("ix_interactions_customer_id_started_at", "customer_id", "started_at"),
    Index("ix_interactions_agent_open", "agent_id", "state", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("ix_interactions_open_state", "state", "queue", sqlite_where=OPEN, postgresql_where=OPEN),
    # Lists of what is over are read along this one; it is written once for each, when it ends.
    Index("ix_interactions_ended", "id", "queue", "agent_id", "medium", sqlite_where=ENDED, postgresql_where=ENDED),
    # The floor counts the day from this index alone, without touching the records.
    Index("ix_interactions_day", "started_at", "queue", "answered_at", "queued_at", "ended_reason"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False),
    Column("channel", String(32), nullable=False),
    Column("source_id", Key, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("interaction_id", Id, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    Column("customer_id", Id, nullable=False),
    Column("medium", String(16), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("actor_kind", String(16), nullable=False),
    Column("actor_id", Id, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("sender_kind", String(16), nullable=False, default=""),
    Column("sender", Key, nullable=False, default=""),
    Column("sender_name", String(200), nullable=False, default=""),
    Column("dialled_kind", String(16), nullable=False, default=""),
    Column("dialled", Key, nullable=False, default=""),
    Column("thread_key", Key, nullable=False, default=""),
    Column("body", Json, nullable=False),
    Column("extra", Json),  # attachments and references, where there are any
    Column("raw_digest", String(64), nullable=False, default=""),
    Column("raw", LargeBinary),
    # PostgreSQL gives sequence numbers before it commits; a reader stays behind the oldest open transaction.
    Column("txid", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("channel", "source_id", name="uq_events_channel_source_id"),
    Index("ix_events_interaction_id_seq", "interaction_id", "seq"),
    Index("ix_events_case_id_seq", "case_id", "seq"),
    Index("uq_events_id", "id", unique=True),
    sqlite_autoincrement=True,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("source_id", Key, nullable=False),
    Column("reason", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("request", Json),
    Column("received_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    UniqueConstraint("channel", "source_id", "digest", name="uq_quarantine_once"),
)

# --- routing ---------------------------------------------------------------------------------------------------

queues = Table(
    "queues",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("skills", Json, nullable=False),
    Column("target_ms", Integer, nullable=False),
    Column("offer_ms", Integer, nullable=False, default=0),
    Column("settings", Json, nullable=False, server_default=text("'{}'")),
)

entry_points = Table(
    "entry_points",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("dialled", Key, nullable=False),
    Column("queue", Id, nullable=False, default=""),
    Column("flow", Id, nullable=False, default=""),
    Column("priority", Integer, nullable=False, default=0),
    Column("skills", Json, nullable=False),
    Column("language", String(16), nullable=False, default=""),
    UniqueConstraint("channel", "dialled", name="uq_entry_points_door"),
)

agents = Table(
    "agents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("public_name", String(200), nullable=False, default=""),
    Column("role", String(16), nullable=False),
    Column("address", Key, nullable=False, default=""),
    Column("queues", Json, nullable=False),
    Column("skills", Json, nullable=False),
    Column("capacity", Json, nullable=False),
    Column("chosen", String(16), nullable=False, default="offline"),
    Column("reason", String(64), nullable=False, default=""),
    Column("state", String(16), nullable=False, default="offline"),
    Column("since_at", BigInteger, nullable=False, default=0),
    Column("idle_since_at", BigInteger, nullable=False, default=0),
    Column("stream_seq", BigInteger, nullable=False, default=0),
    Column("presence", Integer, nullable=False, default=0),
    Column("active", Integer, nullable=False, default=1),
    # The weighted total that they may have (0: none is kept), and how much of each label.
    Column("most", Integer, nullable=False, server_default=text("0")),
    Column("most_of", Json, nullable=False, server_default=text("'{}'")),
    # What a supervisor says of their capacity instead, until it is taken back; whether a console of theirs is open.
    Column("override", Json, nullable=False, server_default=text("'{}'")),
    Column("here", Integer, nullable=False, server_default=text("0")),
)

offers = Table(
    "offers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("interaction_id", Id, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    Column("agent_id", Id, nullable=False),
    Column("queue", Id, nullable=False),
    Column("medium", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("deadline_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False, default=0),
    Column("decision_id", Id, nullable=False),
    Column("view", Json, nullable=False),
    Column("label", String(64), nullable=False, server_default=text("''")),
    # What rings at several agents at once rings once at each, and one of them at most has it. That two groups never
    # ring for one interaction is its epoch's doing: offers are made to what waits, and ringing is not waiting.
    Index(
        "uq_offers_pending",
        "interaction_id",
        "agent_id",
        unique=True,
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    ),
    Index(
        "uq_offers_accepted",
        "decision_id",
        unique=True,
        sqlite_where=text("state = 'accepted'"),
        postgresql_where=text("state = 'accepted'"),
    ),
    Index("ix_offers_agent_id_state", "agent_id", "state"),
    Index("ix_offers_made_at", "made_at"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("interaction_id", Id, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("data", Json, nullable=False),
)

deadlines = Table(
    "deadlines",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("ref", Id, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    UniqueConstraint("kind", "ref", name="uq_deadlines_kind_ref"),
    Index("ix_deadlines_due_at", "due_at"),
)

# --- telephony -------------------------------------------------------------------------------------------------

# Every number that we had dialled: what the caps of the dialling policy are counted from.
dials = Table(
    "dials",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("number", Key, nullable=False),
    Column("behalf", Key, nullable=False),
    Column("interaction_id", Id, nullable=False),
    Index("ix_dials_at", "at"),
    Index("ix_dials_number_at", "number", "at"),
    Index("ix_dials_behalf_at", "behalf", "at"),
)

# Whoever of ours is in a call that is not theirs: consulted, brought in, listening. Their telephone is engaged.
call_parties = Table(
    "call_parties",
    metadata,
    Column("party_id", Id, primary_key=True),
    Column("interaction_id", Id, nullable=False),
    Column("agent_id", Id, nullable=False),
    Index("ix_call_parties_interaction_id", "interaction_id"),
    Index("ix_call_parties_agent_id", "agent_id"),
)

# One-time codes under way: only their digests, and not in the record, which many may read.
codes = Table(
    "codes",
    metadata,
    Column("interaction_id", Id, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("expires_at", BigInteger, nullable=False),
)

# --- out and about ---------------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("interaction_id", Id, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", BigInteger, nullable=False),
    Column("lease", Id, nullable=False, default=""),
    Column("provider_id", Key, nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("payload", Json, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # The bytes as they were written before the first attempt, in the blob store.
    Column("prepared", String(64), nullable=False, server_default=text("''")),
    # Somebody has seen that it was not delivered, and needs to see it no more.
    Column("seen_at", BigInteger, nullable=False, server_default=text("0")),
    Index("ix_outbox_undelivered", "created_at", sqlite_where=UNDELIVERED, postgresql_where=UNDELIVERED),
    Index(
        "ix_outbox_due",
        "next_at",
        sqlite_where=UNSENT,
        postgresql_where=UNSENT,
    ),
    Index("ix_outbox_provider_id", "channel", "provider_id"),
    Index("ix_outbox_interaction_id", "interaction_id"),
)

announcements = Table(
    "announcements",
    metadata,
    Column("agent_id", Id, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_announcements_at", "at"),
)

# --- mail ------------------------------------------------------------------------------------------------------

# What an agent was writing: kept here so that it survives the browser.
drafts = Table(
    "drafts",
    metadata,
    Column("agent_id", Id, primary_key=True),
    Column("interaction_id", Id, primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("body", Json, nullable=False),
    Column("updated_at", BigInteger, nullable=False, index=True),
)

# Files that an agent has brought and may send. The bytes lie in the blob store.
uploads = Table(
    "uploads",
    metadata,
    Column("agent_id", Id, primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("media_type", String(128), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)

# Whom we wrote to by ourselves, and when: what keeps machines from writing to each other for ever.
automatic_messages = Table(
    "automatic_messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("address", Key, nullable=False),
    Column("domain", Key, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False, default=""),
    Index("ix_automatic_messages_address_at", "address", "at"),
    Index("ix_automatic_messages_domain_at", "domain", "at"),
)

# One node alone does what has a name here, until then.
leases = Table(
    "leases",
    metadata,
    Column("name", Key, primary_key=True),
    Column("holder", Id, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until_at", BigInteger, nullable=False),
)

# --- search ----------------------------------------------------------------------------------------------------

# How far the search has read: the log by its numbers, names by the moment of their change. The index itself is
# made by ``full_text.py`` out of the log, and made anew whenever its form changes: no step ever migrates it.
search_progress = Table(
    "search_progress",
    metadata,
    Column("name", Id, primary_key=True),
    Column("form", Integer, nullable=False),
    Column("reached", BigInteger, nullable=False),
)

# --- people, keys, settings ------------------------------------------------------------------------------------

logins = Table(
    "logins",
    metadata,
    Column("id", Id, primary_key=True),
    Column("email", Key, nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("locale", String(16), nullable=False, default=""),
    Column("password_hash", String(255), nullable=False, default=""),
    Column("agent_id", Id, nullable=False, default=""),
    Column("active", Integer, nullable=False, default=1),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("login_id", Id, nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

command_results = Table(
    "command_results",
    metadata,
    Column("actor", Id, primary_key=True),
    Column("command_id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("result", Json, nullable=False),
)

channel_memory = Table(
    "channel_memory",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("key", Key, primary_key=True),
    Column("value", Text, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("key", Id, primary_key=True),
    Column("value", Json, nullable=False),
)

# --- flows -----------------------------------------------------------------------------------------------------

# Every text that callers were ever sent into stays, because calls keep the version that they entered with.
flow_versions = Table(
    "flow_versions",
    metadata,
    Column("name", Id, primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("pins", Json, nullable=False),
    Column("published_at", BigInteger, nullable=False),
    Column("published_by", String(200), nullable=False, default=""),
    Column("note", Text, nullable=False, default=""),
)

# The last row of a name says which version is current; an empty version is the one that the product ships.
flow_changes = Table(
    "flow_changes",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("name", Id, nullable=False),
    Column("version", String(64), nullable=False),
    Column("how", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(200), nullable=False, default=""),
    Column("note", Text, nullable=False, default=""),
    Index("ix_flow_changes_name_seq", "name", "seq"),
    sqlite_autoincrement=True,
)

# The steps of flows are counted as they are added, from this index alone: the log is never read for them as a whole.
FLOW_STEPS = text("kind = 'ivr.step'")
Index("ix_events_flow_steps", events.c.seq, sqlite_where=FLOW_STEPS, postgresql_where=FLOW_STEPS)

# --- what routing was told -----------------------------------------------------------------------------------------

# Blocks of one run follow each other; each digest covers the one before it, so that none can be taken out unseen.
routing_log = Table(
    "routing_log",
    metadata,
    Column("run", Id, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("node", Id, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("ix_routing_log_first_at", "first_at", "run", "number", "last_at", "size"),
)

# Every policy that was ever in force, as the operator wrote it: a decision names its version.
policies = Table(
    "policies",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("document", Json, nullable=False),
    Column("first_at", BigInteger, nullable=False),
)

# --- estimates -------------------------------------------------------------------------------------------------

RUNNING = text("done = 0")
STILL_WAITS = text("outcome = ''")
STILL_THERE = text("ended_at = 0")

# Every stretch of waiting: what was expected of it when it began, from what facts, and what became of it.
waiting_estimates = Table(
    "waiting_estimates",
    metadata,
    Column("id", Id, primary_key=True),
    Column("interaction_id", Id, nullable=False),
    Column("queue", Id, nullable=False),
    Column("medium", String(16), nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    # How many stood before them while all agents were busy; -1 where an agent was free.
    Column("others", Integer, nullable=False),
    Column("agents", Float, nullable=False),
    Column("handling_ms", BigInteger, nullable=False),
    Column("patience_ms", BigInteger, nullable=False),
    Column("answer_ms", BigInteger, nullable=False),
    Column("mean_ms", BigInteger),
    Column("p50_ms", BigInteger),
    Column("p90_ms", BigInteger),
    Column("outcome", String(16), nullable=False, default=""),
    Column("waited_ms", BigInteger, nullable=False, default=0),
    Column("agent_id", Id, nullable=False, default=""),
    Column("rang_ms", BigInteger, nullable=False, default=0),
    Column("handled_ms", BigInteger, nullable=False, default=0),
    Column("done", Integer, nullable=False, default=0),
    Index("ix_waiting_estimates_queue_medium_began_at", "queue", "medium", "began_at"),
    Index("ix_waiting_estimates_began_at", "began_at", "queue", "medium"),
    Index("ix_waiting_estimates_running", "interaction_id", sqlite_where=RUNNING, postgresql_where=RUNNING),
    Index(
        "uq_waiting_estimates_waits",
        "interaction_id",
        unique=True,
        sqlite_where=STILL_WAITS,
        postgresql_where=STILL_WAITS,
    ),
)

# When each agent was there: what their share of the work is held against.
presence_spans = Table(
    "presence_spans",
    metadata,
    Column("id", Id, primary_key=True),
    Column("agent_id", Id, nullable=False),
    Column("state", String(16), nullable=False),
    Column("began_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger, nullable=False, default=0),
    Index(
        "uq_presence_spans_running",
        "agent_id",
        unique=True,
        sqlite_where=STILL_THERE,
        postgresql_where=STILL_THERE,
    ),
)

# --- recordings ------------------------------------------------------------------------------------------------

TO_DO = text("next_at > 0")

recordings = Table(
    "recordings",
    metadata,
    Column("recording_id", String(128), primary_key=True),
    Column("channel", String(32), primary_key=True),
    Column("interaction_id", Id, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("digest", String(64), nullable=False, default=""),
    Column("media_type", String(64), nullable=False, default=""),
    Column("size", BigInteger, nullable=False, default=0),
    Column("duration_ms", BigInteger, nullable=False, default=0),
    Column("made_at", BigInteger, nullable=False),
    Column("give_up_at", BigInteger, nullable=False),
    Column("keep_until_at", BigInteger, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Index("ix_recordings_interaction_id", "interaction_id"),
    Index("ix_recordings_digest", "digest"),
    Index("ix_recordings_state_made_at", "state", "made_at"),
    Index("ix_recordings_next_at", "next_at", sqlite_where=TO_DO, postgresql_where=TO_DO),
)

# --- recognition -----------------------------------------------------------------------------------------------

# The model in force is the one that was chosen last.
recognition_models = Table(
    "recognition_models",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("made_at", BigInteger, nullable=False),
    Column("chosen_at", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("examples", Integer, nullable=False),
    Column("measured", Json, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("ix_recognition_models_chosen_at", "chosen_at"),
)

# What was said of each new case, and what an agent says it is about (null: nothing yet).
recognitions = Table(
    "recognitions",
    metadata,
    Column("interaction_id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("model", Integer, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("intent", Id, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("language", String(16), nullable=False),
    Column("said", Id, nullable=True),
    Column("said_at", BigInteger, nullable=False, default=0),
    Index("ix_recognitions_at", "at"),
    Index("ix_recognitions_said_at", "said_at"),
)

# --- policies on trial -----------------------------------------------------------------------------------------

# ``holder`` runs it, and told of it at ``told_at``. ``result`` is compressed JSON, and last: lists pass it by.
policy_trials = Table(
    "policy_trials",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("by", Text, nullable=False),
    Column("asked", Json, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("holder", Id, nullable=False),
    Column("told_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("whole", BigInteger, nullable=False),
    Column("problem", String(32), nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("result", LargeBinary, nullable=False),
    Index("ix_policy_trials_began_at", "began_at"),
)

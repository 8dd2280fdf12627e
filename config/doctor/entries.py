"""What each line means and what to do about it: shown on the page of the system, and written in docs/doctor.md.

A code is named for ever: scripts read it in ``mahfuz doctor --json``. ``python -m config.doctor.entries`` writes the
chapters of docs/doctor.md anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from repository.texts import marked

DOCUMENT = "docs/doctor.md"
_BEGIN = "<!-- what follows is written by: python -m config.doctor.entries -->"


@dataclass(frozen=True, slots=True)
class Entry:
    """One code: the name of what is looked at (``{subject}``: which one), what the line means, and what to do."""

    what: str
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """Lines about one thing, in the order in which they are shown."""

    name: str
    heading: str
    entries: Mapping[str, Entry]


CHAPTERS = (
    Chapter(
        "database",
        marked("Database"),
        {
            "database": Entry(
                marked("database"),
                marked(
                    "Whether the catalogue's database answers. Without it nothing is taken in and no page is shown;"
                    " what is preserved is not touched."
                ),
                marked("Start the database, or mend database.url."),
            ),
            "schema": Entry(
                marked("schema"),
                marked("Whether the tables are those that this version of the program works with."),
                marked("Run `mahfuz init`. If the database is newer than the program, install the newer program."),
            ),
            "sqlite": Entry(
                marked("SQLite"),
                marked(
                    "SQLite from 3.7.0 to 3.51.2 can lose commits in WAL mode (mended in 3.44.6, 3.50.7 and "
                    "3.51.3), and without synchronous=FULL a power cut can take the last ones. The program uses "
                    "journal_mode DELETE, which has neither fault."
                ),
                marked(
                    "Do not switch the file to WAL by hand; close the program that did, and use journal_mode DELETE."
                ),
            ),
            "sqlite-place": Entry(
                marked("SQLite: where it lies"),
                marked(
                    "SQLite lives by locks that network file systems do not keep: two processes could write at once"
                    " and spoil the file."
                ),
                marked("Put archive.home on a disk of this machine, or move to PostgreSQL."),
            ),
            "postgresql": Entry(
                marked("PostgreSQL"),
                marked(
                    "The version of the server, and whether faults are known of it. A version past its end of life "
                    "is not mended any more."
                ),
                marked(
                    "Upgrade PostgreSQL to the last release of a version that is still mended; after 14.0 to 14.3 "
                    "run REINDEX. Name the primary in database.url, not a standby."
                ),
            ),
            "durability": Entry(
                marked("PostgreSQL: durability"),
                marked(
                    "With fsync, full_page_writes or synchronous_commit off the server acknowledges what is not yet"
                    " on its disk: after a power cut deliveries that were acknowledged may be unknown, or the "
                    "database broken."
                ),
                marked("Switch all three on in postgresql.conf and restart the server."),
            ),
            "checksums": Entry(
                marked("PostgreSQL: checksums"),
                marked(
                    "With checksums the server notices pages that its disk has changed. Without them they are read "
                    "as they are; the testimony would notice, late."
                ),
                marked("Stop the server at a quiet hour and run `pg_checksums --enable`."),
            ),
            "collation": Entry(
                marked("PostgreSQL: order of letters"),
                marked(
                    "Indexes of texts are kept in the order that the operating system gives. When an upgrade of the"
                    " system changes that order, an index misses rows that are there."
                ),
                marked(
                    "Run REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION. A database that is not "
                    "UTF8 has to be made anew."
                ),
            ),
            "connections": Entry(
                marked("PostgreSQL: connections"),
                marked(
                    "How many of the connections that the server allows are in use. A process of the program holds "
                    "up to 30; when none is left, pages and workers wait."
                ),
                marked("Raise max_connections, or put fewer processes to work."),
            ),
            "slot": Entry(
                marked("PostgreSQL: replication slot {subject}"),
                marked(
                    "A replication slot keeps the log for whoever reads it. One that nobody reads keeps it for "
                    "ever, and fills the disk."
                ),
                marked("Start the standby that uses it, or drop the slot with pg_drop_replication_slot."),
            ),
            "wal-archive": Entry(
                marked("PostgreSQL: archive of the log"),
                marked(
                    "Whether the server's archive_command takes the files of its log. While it fails there is no "
                    "point in time to go back to, and the disk fills."
                ),
                marked("See the server's own log, and mend archive_command or the room where it puts the files."),
            ),
            "transactions": Entry(
                marked("PostgreSQL: long transactions"),
                marked(
                    "A transaction that stays open keeps the server from clearing away old rows; tables and indexes"
                    " grow meanwhile. The program itself has none that is open for minutes."
                ),
                marked("Find out whose it is, and end it with pg_terminate_backend if nobody needs it."),
            ),
            "autovacuum": Entry(
                marked("PostgreSQL: autovacuum"),
                marked(
                    "Autovacuum clears old rows away and keeps the plans of queries right. Off, the archive grows "
                    "slow, and one day the server takes no changes any more."
                ),
                marked("Switch autovacuum and track_counts on, for the server and for every table."),
            ),
            "indexes": Entry(
                marked("PostgreSQL: indexes"),
                marked(
                    "An index that is not valid was begun and never finished: it is written to and never used, and "
                    "what it should keep unique may be there twice."
                ),
                marked("Run REINDEX INDEX for each that is named."),
            ),
        },
    ),
    Chapter(
        "stores",
        marked("Stores"),
        {
            "store": Entry(
                marked("store {subject}"),
                marked(
                    "Whether the store answers, and does what an archive needs. `mahfuz doctor` tries it; the page "
                    "shows what the clock found last. A store that does not answer is doubt: no copy is taken for "
                    "damaged."
                ),
                marked("Start the store, mount its disk, or mend its url, keys and bucket."),
            ),
            "store-lacks": Entry(
                marked("store {subject}"),
                marked(
                    "Something that this store does not do. What an archive cannot do without is bad; the rest is "
                    "worth knowing, and the program goes around it."
                ),
                marked(
                    "Bring the server up to date, or use another kind of store, if it is something that an archive "
                    "needs."
                ),
            ),
            "protected": Entry(
                marked("store {subject}: protected"),
                marked("What stands against destroying the copies in this store, even for one who holds its key."),
                marked("Nothing."),
            ),
            "object-lock": Entry(
                marked("store {subject}: object lock"),
                marked(
                    "The settings and the store do not agree about an object lock: it could hold each copy and does"
                    " not, or it should and cannot."
                ),
                marked("Set policy.object_lock_days, or make the bucket with an object lock."),
            ),
            "one-hand": Entry(
                marked("one hand"),
                marked("One key, or one user of one machine, could destroy several or all copies of everything."),
                marked(
                    "Give each store a key of its own, kept by different people, and hold one of them with an "
                    "object lock."
                ),
            ),
            "one-disk": Entry(
                marked("one disk"),
                marked("Two stores are folders on one disk: when it dies both are gone."),
                marked("Put one of them on another disk."),
            ),
            "store-whole": Entry(
                marked("store {subject}: all of it"),
                marked(
                    "Whether a store has everything that is kept. One that was added is filled by the clock; one that "
                    "was only taken out of the settings is missed: its copies are not read any more."
                ),
                marked(
                    "Let the clock run until it is filled, and look at the bags that could not be copied on "
                    "/staff/storage. Put a store that is missed back into the settings; two people may retire it there."
                ),
            ),
            "room": Entry(
                marked("store {subject}: room"),
                marked(
                    "How much room the store has left, and when it will be full if it grows as in the last 90 days."
                    " A full store holds up every delivery."
                ),
                marked("Order disks, or make the bucket's quota larger; a store can be added beside it."),
            ),
        },
    ),
    Chapter(
        "work",
        marked("Work that waits"),
        {
            "queue": Entry(
                marked("queue {subject}"),
                marked(
                    "What waits to be done, by kind: deliveries that are not finished, copies past their promise "
                    "(overdue), copies to be mended, changes that harvesters were not told of yet, and tasks handed"
                    " to workers. A queue whose first has waited for long is not worked on."
                ),
                marked(
                    "See that clock and worker run, and that stores and disks answer; then more workers. The lists "
                    "under Deliveries and Fixity show what waits."
                ),
            ),
        },
    ),
    Chapter(
        "parts",
        marked("Parts of the program"),
        {
            "part": Entry(
                marked("part {subject}"),
                marked(
                    "Each part of the program says every half minute that it runs, on each machine. One that gives "
                    "no sign of life was killed, cannot reach the database, or was taken away; a machine that was "
                    "taken away is forgotten after a month."
                ),
                marked("Start it again: `mahfuz up`, or each part by itself; its log says why it ended."),
            ),
            "leader": Entry(
                marked("leader of the clock"),
                marked("One clock ticks; others stand by and take its place within seconds of its end."),
                marked("Start `mahfuz clock`. On several machines start it on two of them."),
            ),
            "versions": Entry(
                marked("versions of the program"),
                marked("Whether every part that runs is of one version. During an upgrade several are, for minutes."),
                marked("Bring the others up to date and start them anew."),
            ),
            "clocks": Entry(
                marked("clocks of the machines"),
                marked(
                    "A machine whose clock is ahead dates what it does into the future: leases end late, and what "
                    "is reckoned in days is wrong."
                ),
                marked("Run chrony or systemd-timesyncd on every machine."),
            ),
        },
    ),
    Chapter(
        "machine",
        marked("Machines"),
        {
            "disk": Entry(
                marked("disk"),
                marked(
                    "Room where archive.home lies. When it is full ingest pauses, and goes on by itself when there "
                    "is room again."
                ),
                marked("Make room: ingest pauses when this disk is full."),
            ),
            "inodes": Entry(
                marked("files of the disk"),
                marked(
                    "How many more files the file system can hold. It can be full of small files with room to spare."
                ),
                marked("Make the file system anew with more inodes, or move archive.home to another."),
            ),
            "temporary": Entry(
                marked("temporary folder"),
                marked(
                    "Where what is needed for moments only is put. Without room there, formats are not looked at "
                    "and letters not made."
                ),
                marked("Make room there, or set TMPDIR to a folder with room."),
            ),
            "open-files": Entry(
                marked("open files of {subject}"),
                marked(
                    "How many files and connections this part may hold at once. At the limit it cannot open stores,"
                    " databases or deliveries any more."
                ),
                marked("Raise LimitNOFILE in its systemd unit, or `ulimit -n`."),
            ),
            "time-zone": Entry(
                marked("time zones"),
                marked(
                    "Whether the machine's data of time zones are there and know today's rules. With old ones days "
                    "begin an hour late."
                ),
                marked("Update the package tzdata of the system."),
            ),
            "locale": Entry(
                marked("locale of {subject}"),
                marked(
                    "Whether this process takes names of files for UTF-8. Otherwise publishers' names with Turkish "
                    "letters could not be written to the log or to files."
                ),
                marked("Start the program with LC_ALL=C.UTF-8."),
            ),
            "secrets": Entry(
                marked("files with secrets"),
                marked(
                    "Whether files that hold keys and passwords can be read by other users of the machine, or "
                    "changed by them."
                ),
                marked("Give them to the user of the program and take the rights of others away: `chmod 600`."),
            ),
            "clock-database": Entry(
                marked("clock: database"),
                marked("How far this machine's clock is from the database's, which dates what harvesters see."),
                marked("Run chrony or systemd-timesyncd on both machines."),
            ),
            "clock-store": Entry(
                marked("clock: store {subject}"),
                marked(
                    "How far this machine's clock is from the store's. At a quarter of an hour an S3 server refuses"
                    " every request."
                ),
                marked("Run chrony or systemd-timesyncd on both machines."),
            ),
            "library": Entry(
                marked("library {subject}"),
                marked(
                    "A library of which a fault is known. A note: the program goes around it; bad: it would be met."
                ),
                marked("Install the version in which it is mended: `pip install --upgrade`, or a newer Python."),
            ),
            "virus-scanner": Entry(
                marked("virus scanner"),
                marked(
                    "Whether clamd answers, and how old its signatures are. What it has not scanned counts as not "
                    "clean, and waits."
                ),
                marked("Set ingest.clamd, start clamd, and let freshclam run every day."),
            ),
        },
    ),
    Chapter(
        "letters",
        marked("Mail, alerts and feeds"),
        {
            "mail": Entry(
                marked("mail"),
                marked("Whether the mail server takes our letters; none is sent for the trial."),
                marked("Set mail.server, start the mail server, or mend [mail]."),
            ),
            "digests-waiting": Entry(
                marked("digests waiting"),
                marked("Letters to publishers that the mail server has not taken yet."),
                marked("They go on by themselves when the mail server takes them."),
            ),
            "digests-refused": Entry(
                marked("digests refused"),
                marked("Letters to publishers that the mail server refused for good."),
                marked("Mend the address or [mail], then run `mahfuz digest send`."),
            ),
            "alerts": Entry(
                marked("alerts"),
                marked("Whom alerts are told to."),
                marked("Set alerts.recipients or [[alerts.webhooks]], and try `mahfuz alerts test` now and then."),
            ),
            "sign-of-life": Entry(
                marked("sign of life"),
                marked(
                    "Whether somebody outside waits for our sign of life: when all parts are gone nobody here can "
                    "say so."
                ),
                marked("Set alerts.heartbeat_url."),
            ),
            "alerts-open": Entry(
                marked("alerts open"),
                marked("Causes that somebody should look at."),
                marked("See `mahfuz alerts`, or the page Alerts."),
            ),
            "feed": Entry(
                marked("feed {subject}"),
                marked(
                    "A feed that fails or is late. As a rule it is the publisher's to mend, and this machine is not"
                    " ill."
                ),
                marked("Try `mahfuz feed test NAME`, or ask the publisher."),
            ),
        },
    ),
    Chapter(
        "sign-on",
        marked("Signing in and certificates"),
        {
            "sign-on": Entry(
                marked("sign-in by {subject}"),
                marked(
                    "Whether the OpenID provider publishes its configuration and keys, and until when they are "
                    "good. Without them none of its readers can sign on; access by address goes on."
                ),
                marked("See that the issuer is reached from here and is spelt as it spells itself; ask its operator."),
            ),
            "front": Entry(
                marked("sign-in by SAML"),
                marked("Whether what the front asserts in request headers can come from nobody else."),
                marked("Serve by https, and name the front's addresses in access.saml.addresses."),
            ),
            "certificate": Entry(
                marked("certificate {subject}"),
                marked(
                    "Until when a certificate is good: of our own web server, of a server that we talk to, or in a "
                    "file that the settings name."
                ),
                marked("Have it renewed, and see why it was not renewed by itself."),
            ),
        },
    ),
    Chapter(
        "safety",
        marked("Backup and rehearsal"),
        {
            "backup": Entry(
                marked("last backup"),
                marked(
                    "When the database was last backed up. The bags alone bring back the holdings, and the ledger "
                    "nearly all the rest; a backup brings it back in minutes."
                ),
                marked("Make a backup every day (docs/deploy.md)."),
            ),
            "ledger": Entry(
                marked("last ledger"),
                marked(
                    "The ledger tells what no bag does (licences, rights, decisions, testimony), and is laid down "
                    "in the stores every day."
                ),
                marked("See that the clock runs and the stores answer; `mahfuz ledger` makes one now."),
            ),
            "rehearsal": Entry(
                marked("last rehearsal of a rebuild"),
                marked(
                    "From time to time the catalogue is written again from the stores alone and compared with this "
                    "one. Another catalogue means that a lost database would not come back as it was."
                ),
                marked("Run `mahfuz rebuild --rehearse` and see what differs (docs/recovery.md)."),
            ),
            "dump": Entry(
                marked("records as files: {subject}"),
                marked("How old the files are in which new harvesters load all records."),
                marked("See that the clock runs and that the disk has room; `mahfuz dump` makes them now."),
            ),
            "lists": Entry(
                marked("lists of what is held"),
                marked(
                    "KBART, Keepers and MARC lists are made when somebody asks for them after a change. A file that"
                    " was left half made tells of a process that was killed."
                ),
                marked("Delete the files whose names begin with .making in the folder lists."),
            ),
        },
    ),
)

ENTRIES: Mapping[str, Entry] = {code: entry for chapter in CHAPTERS for code, entry in chapter.entries.items()}


def what(code: str, subject: str) -> str:
    """The name of what a line is about, in English."""
    return ENTRIES[code].what.format(subject=subject)


def document() -> str:
    """The chapters of docs/doctor.md."""
    return "\n".join(_written()) + "\n"


def _written() -> Iterator[str]:
    yield _BEGIN
    for chapter in CHAPTERS:
        yield f"\n## {chapter.heading}"
        for code, entry in chapter.entries.items():
            yield f"\n### {entry.what.format(subject='…')}\n\n`{code}`. {entry.meaning}\n\n*What to do:* {entry.remedy}"


def update(file: Path) -> None:
    """Write the chapters anew below the words of the document that a person wrote."""
    before, _, _ = file.read_text(encoding="utf-8").partition(_BEGIN)
    file.write_text(before + document(), encoding="utf-8")


if __name__ == "__main__":
    update(Path(__file__).parent.parent.parent / DOCUMENT)

"""SEDA 2.1, 2.2 and 2.3: packages and replies read, checked and written, without a store.

What comes in is untrusted: ``entry.examine`` (a package) and ``reply_reader.read_reply`` run in the
sandbox only, called by ``ingestion.tools.seda``. What comes back is plain values::

    examined = examine_package(sandbox, package, folder)    # ingestion.tools.seda
    examined.examination.outcome                            # KO: refuse; WARNING: ask a person
    check_known(transfer, known)                            # against the tenant's registers
    found = in_our_words(transfer)                          # nodes, records, declarations, holds
    for record in found.records:                            # one deposit each
        examined.parts(record.original)
    write_reply(reply_to(transfer, ...))                    # in every case

What goes out::

    for package in packages(sending, records, folders):     # refused: unsorted, undecided, empty
        write_package(out, package, parts_of)
    read = examine_reply(sandbox, reply, folder)            # ingestion.tools.seda
    read.outcome, compare(read.reply, package.transfer)     # OK only without a finding in either
"""

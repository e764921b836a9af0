"""Reception: intake, submission, dry run, staging."""

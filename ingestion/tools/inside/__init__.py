"""What runs inside the sandbox: functions over the files they are handed."""

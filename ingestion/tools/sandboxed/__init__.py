"""What runs behind the bars: one module a tool. Nothing here may be imported by the outside."""

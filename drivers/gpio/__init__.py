"""Contacts and relays on GPIO lines, by the kernel's character device."""

"""The real loop in a world made of numbers: seeded, several controllers, every fault that a network and a disk know."""

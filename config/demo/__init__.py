"""A dozen articles that nobody wrote, in four journals that nobody prints: what `mahfuz up --demo` takes in."""

from config.demo.deliveries import DemoDelivery, write_deliveries

__all__ = ["DemoDelivery", "write_deliveries"]

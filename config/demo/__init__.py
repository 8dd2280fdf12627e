"""A dozen articles that nobody wrote, in four journals that nobody prints: what `mahfuz up --demo` takes in."""

from config.demo.deliveries import DemoDelivery, write_deliveries
from config.demo.licences import enter as enter_licences

__all__ = ["DemoDelivery", "enter_licences", "write_deliveries"]

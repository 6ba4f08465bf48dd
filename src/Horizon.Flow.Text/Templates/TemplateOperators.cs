namespace Horizon.Flow.Text.Templates;

/// <summary>Arithmetic, comparison and slicing, as in Python.</summary>
internal sealed class TemplateOperators(TemplateBudget budget)
{
    private const int LongestRepeat = 1 << 20;

    public object? Sign(string sign, object? value) => (sign, value) switch
    {
        ("+", long or double) => value,
        ("-", long i) => Checked(() => checked(-i)),
        ("-", double d) => -d,
        _ => throw budget.Error($"'{sign}' needs a number, not {TemplateText.Kind(value)}"),
    };

    public object? Binary(string name, object? left, object? right)
    {
        if (left is SafeText || right is SafeText)
        {
            if (name == "+" && SafeText.Plain(left) is string && SafeText.Plain(right) is string) return new SafeText(Join(Escaped(left), Escaped(right)));
            (left, right) = (SafeText.Plain(left), SafeText.Plain(right));
            if (left is UnseenText || right is UnseenText) throw new SeenException();
        }

        switch (name)
        {
            case "+" when left is UnseenText or string && right is UnseenText or string && !(left is string && right is string): return UnseenText.Join(left!, right!);
            case "~" when left is UnseenText || right is UnseenText: return UnseenText.Join(Printed(left), Printed(right));
            case "~": return Join(TemplateText.Print(left, budget), TemplateText.Print(right, budget));
            case "+" when left is string a && right is string b: return Join(a, b);
            case "+" when left is List<object?> a && right is List<object?> b && AreAlike(a, b):
                budget.SpendItems((long)a.Count + b.Count);
                return Like(a, a.Concat(b));
            case "*" when left is string text && right is long times: return Repeat(text, times);
            case "*" when left is long times && right is string text: return Repeat(text, times);
            case "*" when left is List<object?> list && right is long times: return Repeat(list, times);
            case "*" when left is long times && right is List<object?> list: return Repeat(list, times);
            case "%" when right is UnseenText: throw new SeenException();
            case "%" when left is string format: return TemplateFormat.Percent(format, right, budget);
        }

        if (Number(left) is not { } x || Number(right) is not { } y)
            throw budget.Error($"'{name}' does not join {TemplateText.Kind(left)} and {TemplateText.Kind(right)}");
        if (left is double || right is double || name == "/") return Real(name, x, y);
        return Whole(name, Convert.ToInt64(left, null), Convert.ToInt64(right, null));
    }

    public bool Compare(string name, object? left, object? right) => name switch
    {
        "==" => AreEqual(left, right),
        "!=" => !AreEqual(left, right),
        "in" => Contains(right, left),
        "not in" => !Contains(right, left),
        "<" => Order(left, right) < 0,
        "<=" => Order(left, right) <= 0,
        ">" => Order(left, right) > 0,
        ">=" => Order(left, right) >= 0,
        _ => throw budget.Error($"'{name}' is no comparison"),
    };

    public bool AreEqual(object? left, object? right)
    {
        budget.Step();
        (left, right) = (SafeText.Plain(left), SafeText.Plain(right));
        if (left is UnseenText unseen) return unseen.Is(right);
        if (right is UnseenText other) return other.Is(left);
        if (Number(left) is { } x && Number(right) is { } y) return x == y;
        switch (left, right)
        {
            case (string a, string b):
                budget.Spend(Math.Min(a.Length, b.Length));
                return string.Equals(a, b, StringComparison.Ordinal);
            case (null, null) or (UndefinedValue, UndefinedValue): return true;
            case (List<object?> a, List<object?> b):
                return a.Count == b.Count && AreAlike(a, b) && Deeper(() => a.Zip(b).All(pair => AreEqual(pair.First, pair.Second)));
            case (OrderedDictionary<string, object?> a, OrderedDictionary<string, object?> b):
                return a.Count == b.Count && Deeper(() => a.All(e => Has(b, e.Key, out var other) && AreEqual(e.Value, other)));
            default: return ReferenceEquals(left, right);
        }
    }

    public bool Contains(object? container, object? item)
    {
        item = SafeText.Plain(item);
        switch (SafeText.Plain(container))
        {
            case string text when item is string part:
                budget.Search(text.Length, part.Length);
                return text.Contains(part, StringComparison.Ordinal);
            case UnseenText unseen when item is string part: return unseen.Ask((own, _) => own.Contains(part, StringComparison.Ordinal));
            case UnseenText: throw new SeenException();
            case string or OrderedDictionary<string, object?> when item is UnseenText: throw new SeenException();
            case List<object?> list: return list.Exists(entry => AreEqual(entry, item));
            case OrderedDictionary<string, object?> map:
                if (item is not string key) return false;
                budget.LookUp(key);
                return map.ContainsKey(key);
            case UndefinedValue: return false;
            default: throw budget.Error($"'in' cannot look for {TemplateText.Kind(item)} in {TemplateText.Kind(container)}");
        }
    }

    public object Slice(object? target, object? start, object? stop, object? step)
    {
        if (start is not (null or long) || stop is not (null or long) || step is not (null or long))
            throw budget.Error("the bounds of a slice must be whole numbers");
        target = SafeText.Plain(target);
        if (target is UnseenText) throw new SeenException();
        var stride = (long?)step ?? 1;
        if (stride == 0) throw budget.Error("the step of a slice must not be 0");
        var count = target switch
        {
            string text => text.Length,
            List<object?> list => list.Count,
            _ => throw budget.Error($"{TemplateText.Kind(target)} cannot be sliced"),
        };
        budget.SpendItems(count);
        long low = stride > 0 ? 0 : -1, high = stride > 0 ? count : count - 1;
        var from = start is long s ? Bound(s) : stride > 0 ? low : high;
        var to = stop is long e ? Bound(e) : stride > 0 ? high : low;
        var places = new List<int>();
        // The stride is held to the length, so that the sum cannot overflow.
        stride = Math.Clamp(stride, -count - 1, count + 1);
        for (var i = from; stride > 0 ? i < to : i > to; i += stride) places.Add((int)i);
        if (target is string source) return string.Concat(places.Select(i => source[i]));
        var items = (List<object?>)target;
        return Like(items, places.Select(i => items[i]));

        long Bound(long value) => Math.Clamp(value < 0 ? value + count : value, low, high);
    }

    /// <summary>Numbers and truth values count as numbers.</summary>
    private static double? Number(object? value) => value switch
    {
        long i => i,
        double d => d,
        bool b => b ? 1 : 0,
        _ => null,
    };

    private string Join(string left, string right)
    {
        budget.Spend((long)left.Length + right.Length);
        return left + right;
    }

    private object Printed(object? value) => value is UnseenText ? value : TemplateText.Print(value, budget);

    private string Escaped(object? value) => value is SafeText safe ? safe.Text : TemplateEscapes.Html(TemplateText.Print(value, budget), budget);

    private string Repeat(string text, long times)
    {
        if (times <= 0) return "";
        if (text.Length > LongestRepeat / times) throw budget.Error("a repeated string is too long");
        budget.Spend(text.Length * times);
        return string.Concat(Enumerable.Repeat(text, (int)times));
    }

    private List<object?> Repeat(List<object?> list, long times)
    {
        if (times <= 0) return Like(list, []);
        if (list.Count > LongestRepeat / times) throw budget.Error("a repeated list is too long");
        budget.SpendItems(list.Count * times);
        return Like(list, Enumerable.Repeat(list, (int)times).SelectMany(items => items));
    }

    // Python's lists and tuples are never equal and never joined.
    private static bool AreAlike(List<object?> left, List<object?> right) => left is TemplateTuple == right is TemplateTuple;

    private static List<object?> Like(List<object?> source, IEnumerable<object?> items) => source is TemplateTuple ? new TemplateTuple(items) : [.. items];

    private object? Whole(string name, long x, long y)
    {
        if (name is "//" or "%" && y == 0) throw budget.Error("a number is divided by 0");
        return Checked(() => checked(name switch
        {
            "+" => x + y,
            "-" => x - y,
            "*" => x * y,
            "//" => x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0),
            "%" => y == -1 ? 0 : x % y is var rest && rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest,
            "**" => Power(x, y),
            _ => throw budget.Error($"'{name}' is not known"),
        }));
    }

    private long Power(long x, long y)
    {
        if (y is < 0 or > 64) throw budget.Error($"the exponent {y} is not between 0 and 64");
        var result = 1L;
        for (; y > 0; y--) result = checked(result * x);
        return result;
    }

    private double Real(string name, double x, double y)
    {
        if (name is "/" or "//" or "%" && y == 0) throw budget.Error("a number is divided by 0");
        return name switch
        {
            "+" => x + y,
            "-" => x - y,
            "*" => x * y,
            "/" => x / y,
            "//" => Math.Floor(x / y),
            "%" => x - y * Math.Floor(x / y),
            "**" => Math.Pow(x, y),
            _ => throw budget.Error($"'{name}' is not known"),
        };
    }

    /// <summary>Less than 0, 0 or more, as Python orders numbers, strings and lists.</summary>
    public int Order(object? left, object? right)
    {
        budget.Step();
        if (Number(left) is { } x && Number(right) is { } y) return x.CompareTo(y);
        (left, right) = (SafeText.Plain(left), SafeText.Plain(right));
        if (left is UnseenText || right is UnseenText) throw new SeenException();
        if (left is List<object?> first && right is List<object?> second && AreAlike(first, second)) return OrderItems(first, second);
        if (left is not string a || right is not string b)
            throw budget.Error($"{TemplateText.Kind(left)} and {TemplateText.Kind(right)} have no order");
        budget.Spend(Math.Min(a.Length, b.Length));
        return string.CompareOrdinal(a, b);
    }

    private int OrderItems(List<object?> left, List<object?> right)
    {
        budget.Enter();
        var order = left.Count.CompareTo(right.Count);
        for (var i = 0; i < Math.Min(left.Count, right.Count); i++)
        {
            if (AreEqual(left[i], right[i])) continue;
            order = Order(left[i], right[i]);
            break;
        }

        budget.Leave();
        return order;
    }

    private object? Checked(Func<long> compute)
    {
        try
        {
            return compute();
        }
        catch (OverflowException)
        {
            throw budget.Error("a whole number becomes too large");
        }
    }

    private bool Has(OrderedDictionary<string, object?> map, string key, out object? value)
    {
        budget.LookUp(key);
        return map.TryGetValue(key, out value);
    }

    private bool Deeper(Func<bool> compare)
    {
        budget.Enter();
        var result = compare();
        budget.Leave();
        return result;
    }
}
